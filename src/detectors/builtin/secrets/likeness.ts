/** Stand-ins that documentation, templates and tests put where a secret would be. */
const PLACEHOLDER_WORDS =
  /your[-_. ]?(?:own|api|key|pass|pw|secret|token|account|org|client|access|auth|db|project|name|value|user|here)|example|sample|change.?me|change.?this|changeit|placeholder|dummy|redacted|replace|insert|enter|todo|fixme|foobar|secret.?here|here$|fake|mock|not.?a.?real|masked|hidden|removed|censored|filtered|truncated/i;
const PLACEHOLDER_SHAPES =
  /^(?:<.*|\[.*\]|\{.*\}|\(.*\)|%.*%|@.*@|__.*__|(?:my|some|the|a|test|new|old|super)?[-_. ]?(?:secret|password|passwd|pass|pwd|token|api[-_ ]?key|key|credentials?|value|string|text)s?)$|\$\{|\$\(|\{\{|<%|%\(|%s|\.{3}|…|([x*•#0?.-])\1{3,}|^([\w*])\2*$/i;
const LITERALS =
  /^(?:null|nil|none|undefined|true|false|yes|no|on|off|string|str|bytes?|boolean|number|int|optional|required|any|object|empty|default|disabled|enabled|test|admin|root|n\/a|tbd|qwerty|abc|abcdef|abc123|foo|bar|1234567890|123456789|0123456789abcdef)$/i;

/** Whether the value was written to be replaced or left out rather than used. */
export function isPlaceholder(value: string): boolean {
  return PLACEHOLDER_SHAPES.test(value) || PLACEHOLDER_WORDS.test(value) || LITERALS.test(value);
}

/** A value that code computes or looks up elsewhere: `process.env.TOKEN`, `$TOKEN`, `getToken()`, `config["token"]`. */
export function isReference(value: string): boolean {
  return (
    /^[$%&*@]\{?[A-Za-z_][\w.:-]*\}?$/.test(value) ||
    /^(?:process|os|env|config|settings|self|this|ctx|req|request|args|params|options|secrets?|vault|ssm|aws|data|var|local|module|props|state|user|body|form|event|import)[.[]/i.test(
      value,
    ) ||
    /^[\w.:]+\(/.test(value) ||
    /^![a-z-]+$/i.test(value) ||
    /^(?:vault|ssm|secretsmanager|arn|gs|s3|https?|file|env|ref|op|sops|kms):/i.test(value) ||
    /^(?:\.{0,2}|~)\/[\w./-]+$/.test(value)
  );
}

/** A one-way digest: stored instead of the secret, not a secret by itself. */
export function isDigest(value: string): boolean {
  return (
    /^(?:\$(?:2[abxy]|argon2\w*|[156]|scrypt|pbkdf2[\w-]*)\$|(?:sha-?\d+|md5|bcrypt|argon2\w*|pbkdf2\w*|scrypt)[:$_-]|\{\w+\}|\*[0-9A-F]{40}$)/i.test(
      value,
    ) || /^(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{128})$/i.test(value)
  );
}

/** Shannon entropy in bits a character: prose words stay under 3, random keys lie over 3.5. */
export function entropyPerCharacter(value: string): number {
  const counts = new Map<string, number>();
  for (const character of value) counts.set(character, (counts.get(character) ?? 0) + 1);
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return [...counts.values()].reduce((sum, count) => sum - (count / total) * Math.log2(count / total), 0);
}

/** Whether a machine may have drawn the value: long, mixed, and without repetition. */
export function looksRandom(value: string, leastLength = 16): boolean {
  return (
    value.length >= leastLength &&
    /^[\w+/=.~:!@#$%^&*-]+$/.test(value) &&
    /\d/.test(value) &&
    /[A-Za-z]/.test(value) &&
    entropyPerCharacter(value) >= 3 &&
    !/^[A-Za-z]+(?:[-_.][A-Za-z]+)*[-_.]?v?\d{1,4}$/.test(value)
  );
}

/** Whether a person may have chosen the value to log in: letters mixed with digits or marks, no prose, no code. */
export function looksLikePassword(value: string): boolean {
  if (value.length < 6 || value.length > 128 || /\s/.test(value)) return false;
  if (!/[\p{L}]/u.test(value) && !/^\d{6,}[!@#$%^&*]|^[^\w]*\d{8,}$/.test(value)) return false;
  if (/^[\w.+-]+@[\w-]+\.[\w.]+$/.test(value) || /^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}$/.test(value))
    return false;
  return /\d/.test(value) || /[!@#$%^&*?~+=|]/.test(value.slice(0, -1));
}
