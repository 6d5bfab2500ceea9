import type { Candidate } from '../overlaps';
import { isDigest, isPlaceholder, isReference, looksLikePassword, looksRandom } from './likeness';

type Label = 'password' | 'api_key' | 'token';

const NAMES: readonly (readonly [label: Label, words: string])[] = [
  [
    'password',
    'password|passwd|passphrase|passwort|kennwort|contrase[ñn]a|mot_de_passe|senha|hasło|пароль|密码|密碼|パスワード|비밀번호|wachtwoord|lösenord|şifre|pwd|pass|pw(?![a-z])',
  ],
  [
    'api_key',
    'api[_.-]?key|apikey|access[_.-]?key|secret[_.-]?key|client[_.-]?secret|app[_.-]?secret|signing[_.-]?(?:key|secret)|encryption[_.-]?key|master[_.-]?key|account[_.-]?key|private[_.-]?key|license[_.-]?key|webhook[_.-]?secret|credentials?|secret',
  ],
  ['token', 'token|auth|session[_.-]?key|bearer|jwt'],
];
const ANY_NAME = NAMES.map(([, words]) => words).join('|');

/** `DB_PASSWORD = `, `"apiKey": `, `--token=`, `<password>`, `X-Api-Key: `: the name and what leads to its value. */
const ASSIGNMENT = new RegExp(
  `(?<![\\p{L}\\p{N}_])(?<name>[\\w.-]{0,40}(?:${ANY_NAME})[\\w-]{0,24})(?:\\\\?["'\`\\])]){0,2}(?:[ \\t]{0,8}(?::=|=>|={1,3}|:(?!//)|：)[ \\t]{0,8}|>(?=[^\\s<]{4,200}</)|(?<=--[\\w-]{3,60}) )`,
  'giu',
);
/** `the password is `, `Passwort lautet `, `my api key: `. */
const STATEMENT = new RegExp(
  String.raw`(?<![\p{L}\p{N}_])(?<name>password|passcode|passphrase|passwort|kennwort|contrase[ñn]a|mot de passe|senha|pwd|login|api[ -]key|access key|secret key|secret|token)(?: (?:for|of|to|für|para|pour|do|da|del|de) [\p{L}\p{N} ._'@-]{1,40}?)?(?<verb> is now| is| was| to| =|:| ist| lautet| es| est|[ée] |：| 是)?\s{1,3}`,
  'giu',
);
/** Names that speak about a secret without holding it: `token_count`, `password_hash`, `secretName`. */
const ABOUT_A_SECRET =
  /(?:hash|digest|_?ids?|name|url|uri|path|file|type|len(?:gth)?|field|count|polic(?:y|ies)|expir\w*|ttl|age|header|endpoint|label|prefix|suffix|regex|pattern|ref|arn|version|algo\w*|limit|budget|input|hint|error|message|reset|strength|required|enabled|min|max|size|usage|s3|lifetime|salt|status|format|placeholder|attempts|rotation\w*|budget|index|offset|manager|service|provider|class|method|mode|scheme|server|host|fingerprint|kid|at|by|on|in|from)$/i;
const PUBLIC_NAME =
  /public|publishable|token(?:s|iz|ise)|author(?!iz)|passenger|passport|compass|bypass|passive|passed|passing|password(?:s|less)/i;
const QUOTED = /\\?(["'`])(?<value>(?:(?!\\?\1)[^\n]){1,400}?)\\?\1/y;
const PLAIN = /(?:(?:Bearer|Token|Basic|ApiKey)\s+)?(?<value>[^\s"'`<>,;)\]}]{1,400})/iy;

/** Values under a name that says they are secret, unless they look like code, prose, digests or stand-ins. */
export function findAssignedSecrets(text: string): Candidate[] {
  return [...findValues(text, ASSIGNMENT, 0.85), ...findValues(text, STATEMENT, 0.75)];
}

function findValues(text: string, lead: RegExp, score: number): Candidate[] {
  const found: Candidate[] = [];
  for (const match of text.matchAll(lead)) {
    const name = match.groups?.name ?? '';
    if (ABOUT_A_SECRET.test(name) || PUBLIC_NAME.test(name)) continue;
    const read = valueAt(text, match.index + match[0].length);
    const label = labelOf(name);
    if (read === undefined || !isSecret(label, name, read)) continue;
    if (lead === STATEMENT && match.groups?.verb === undefined && !looksRandom(read.value)) continue;
    found.push({ start: read.start, end: read.start + read.value.length, label, score });
  }
  return found;
}

interface Value {
  readonly value: string;
  readonly start: number;
  readonly quoted: boolean;
}

function valueAt(text: string, at: number): Value | undefined {
  for (const [pattern, quoted] of [
    [QUOTED, true],
    [PLAIN, false],
  ] as const) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    const raw = match?.groups?.value;
    if (match === null || raw === undefined) continue;
    const value = quoted
      ? raw.replace(/^(?:Bearer|Token|Basic|ApiKey)\s+/i, '')
      : raw.replace(/[.,;:!?]+$/, '');
    return {
      value,
      start: match.index + match[0].indexOf(raw) + (quoted ? raw.length - value.length : 0),
      quoted,
    };
  }
  return undefined;
}

function labelOf(name: string): Label {
  const lower = name.toLowerCase().replaceAll(' ', '_');
  const [label] = NAMES.find(([, words]) => new RegExp(`(?:${words})`, 'i').test(lower)) ?? [
    'password' as const,
  ];
  return label;
}

function isSecret(label: Label, name: string, { value, quoted }: Value): boolean {
  if (isPlaceholder(value) || isReference(value)) return false;
  if (label !== 'password') return looksRandom(value);
  if (isDigest(value)) return false;
  const environmentStyle = /^[A-Z][A-Z0-9_]+$/.test(name) && /^[a-z]{8,}$/.test(value) && !quoted;
  return environmentStyle || (looksLikePassword(value) && (quoted || !/[()[\]{}]/.test(value)));
}
