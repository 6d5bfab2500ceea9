import { countrySpecs, isValidIBAN } from 'ibantools';

/**
 * The one list of patterns that no log, error or stored record may show (spec/platform.md 3). No Node module is
 * imported, so failure converters inside a workflow bundle may use it as well.
 */
export const scrubKinds = [
  'PRIVATE_KEY',
  'JWT',
  'SECRET',
  'PASSWORD',
  'EMAIL',
  'IBAN',
  'CARD',
  'SSN',
  'PHONE',
  'IP',
  'WITHHELD',
] as const;

/** What was found. `SECRET` is an API key or token, `WITHHELD` a text that could not be examined. */
export type ScrubKind = (typeof scrubKinds)[number];

export interface Scrubbed {
  readonly text: string;
  /** Distinct, in the order of {@link scrubKinds}. */
  readonly kinds: readonly ScrubKind[];
}

/** Longer texts (UTF-16 units) are withheld as a whole rather than examined in part. */
export const maxScrubLength = 262_144;

interface Rule {
  readonly kind: ScrubKind;
  /** Cheap test without which the pattern cannot match. */
  readonly hint: RegExp;
  /** Global; a group named `kept` is a prefix that stays. No nested unbounded quantifiers. */
  readonly pattern: RegExp;
  /** Leading characters of the candidate that are sensitive; 0 when it is not the real thing. */
  readonly measure?: (candidate: string) => number;
}

const secretName = String.raw`(?:x[_-])?(?:api[_-]?key|secret(?:[_-]?(?:access[_-]?)?key)?|client[_-]?secret|private[_-]?key|(?:(?:access|auth|refresh|bearer|session|id)[_-]?)?token)`;
const assigned = String.raw`\\?["']?\s{0,4}(?:=>|[:=])\s{0,4}\\?`;
const value = String.raw`(?!["']?\[REDACTED:)(?:"[^"\n]{4,}"?|'[^'\n]{4,}'?|[^\s"',;|&\\]{4,})`;

const rules: readonly Rule[] = [
  {
    kind: 'PRIVATE_KEY',
    hint: /-----BEGIN /,
    pattern:
      /-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----|$)/g,
  },
  {
    kind: 'JWT',
    hint: /eyJ/,
    pattern: /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*/g,
  },
  {
    kind: 'SECRET',
    hint: /AKIA|ASIA|gh[pousr]_|sk-|xox|[cm]k_|whsec_|bearer/i,
    pattern:
      /(?<![A-Za-z0-9])(?:A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])|gh[pousr]_[A-Za-z0-9]{30,}|sk-[A-Za-z0-9_-]{20,}|xox[abprs]-[A-Za-z0-9-]{10,}|mk_[A-Za-z0-9_-]{40,}|ck_[0-9a-f]{16}_[A-Za-z0-9_-]{20,}|whsec_[A-Za-z0-9+/=_-]{20,}|(?<kept>[Bb]earer\s{1,4})[A-Za-z0-9._~+/-]{16,}=*)/g,
  },
  {
    kind: 'SECRET',
    hint: /[:=]/,
    pattern: new RegExp(`(?<![A-Za-z0-9])(?<kept>${secretName}${assigned})${value}`, 'gi'),
    measure: (candidate) => (candidate.length >= 20 || /\d/.test(candidate) ? candidate.length : 0),
  },
  {
    kind: 'PASSWORD',
    hint: /[:=]/,
    pattern: new RegExp(
      `(?<![A-Za-z0-9])(?<kept>(?:password|passwd|passphrase|pwd)${assigned})${value}`,
      'gi',
    ),
  },
  {
    kind: 'PASSWORD',
    hint: /:\/\//,
    pattern: /(?<kept>:\/\/[^\s:@/]{0,64}:)(?!\[REDACTED:)[^\s@/]{1,256}(?=@)/g,
  },
  {
    kind: 'EMAIL',
    hint: /@/,
    pattern: /[\p{L}\p{N}._%+'-]{1,64}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,8}/gu,
  },
  {
    kind: 'IBAN',
    hint: /[a-z]{2}\d\d/i,
    pattern: /(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}/gi,
    measure: ibanLength,
  },
  {
    kind: 'CARD',
    hint: /\d{3}/,
    pattern: /(?<![A-Za-z0-9-]|\d\.)\d(?:[ -]?\d){12,18}(?![A-Za-z0-9]|-\w)/g,
    measure: cardLength,
  },
  {
    kind: 'SSN',
    hint: /\d{3}/,
    pattern: /(?<![A-Za-z0-9-])(?!000|666|9)\d{3}([ -])(?!00)\d{2}\1(?!0000)\d{4}(?![A-Za-z0-9]|-\w)/g,
  },
  {
    kind: 'PHONE',
    hint: /\d{2}/,
    // +49 30 1234567 · (212) 555-0123 · 212-555-0123 · 01 23 45 67 89 · 020 7946 0958
    pattern:
      /(?<![A-Za-z0-9+.-])(?:\+\d{1,3}(?:[ .()/-]{0,2}\d){6,12}|(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}|0\d(?:[ .-]\d{2}){4}|0\d{2,4}[ /-]\d{3,4}[ /-]?\d{3,5})(?![A-Za-z0-9]|[.-]\w)/g,
  },
  {
    kind: 'IP',
    hint: /\d\.\d/,
    pattern:
      /(?<![A-Za-z0-9.-])(?:(?:25[0-5]|2[0-4]\d|[01]?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|[01]?\d?\d)(?!\w|\.\d)/g,
  },
  {
    kind: 'IP',
    hint: /:[0-9a-f]{0,4}:/i,
    pattern: /(?<![A-Za-z0-9:.])[0-9A-Fa-f:]{3,39}(?![A-Za-z0-9:])/g,
    measure: (candidate) => (isIpv6(candidate) ? candidate.length : 0),
  },
];

/**
 * Replaces personal data and secrets in `text` by `[REDACTED:<KIND>]`; the name of an assigned secret stays. Linear in
 * the length of the text, and idempotent. Labels such as `email` or `ssn_detected` are names, not content, and stay.
 */
export function scrub(text: string): Scrubbed {
  if (text.length > maxScrubLength) return { text: '[REDACTED:WITHHELD]', kinds: ['WITHHELD'] };
  const kinds = new Set<ScrubKind>();
  let clean = text;
  for (const rule of rules) {
    if (!rule.hint.test(clean)) continue;
    const redacted = redact(clean, rule);
    if (redacted === clean) continue;
    clean = redacted;
    kinds.add(rule.kind);
  }
  return { text: clean, kinds: scrubKinds.filter((kind) => kinds.has(kind)) };
}

function redact(text: string, { kind, pattern, measure }: Rule): string {
  let clean = '';
  let done = 0;
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const start = match.index + (match.groups?.kept?.length ?? 0);
    const candidate = text.slice(start, match.index + match[0].length);
    const length = measure === undefined ? candidate.length : measure(candidate);
    if (length === 0) {
      // A false candidate may hide a true one that begins inside it.
      pattern.lastIndex = match.index + 1;
      continue;
    }
    clean += `${text.slice(done, start)}[REDACTED:${kind}]`;
    done = start + length;
    pattern.lastIndex = done;
  }
  return clean + text.slice(done);
}

const sensitiveFields = new Set([
  'password',
  'secret',
  'token',
  'apikey',
  'privatekey',
  'ssn',
  'socialsecuritynumber',
  'creditcard',
  'cardnumber',
]);

/** Whether a field of this name holds a secret whatever its value looks like (spec/platform.md 3). */
export function isSensitiveField(name: string): boolean {
  return sensitiveFields.has(name.toLowerCase().replaceAll(/[_-]/g, ''));
}

/** Characters that make up the IBAN at the beginning of the candidate, which may run on into the next words. */
function ibanLength(candidate: string): number {
  const wanted = countrySpecs[candidate.slice(0, 2).toUpperCase()]?.chars;
  if (!wanted) return 0;
  let compact = '';
  for (let index = 0; index < candidate.length; index += 1) {
    const char = candidate.charAt(index);
    if (char !== ' ' && char !== '-') compact += char.toUpperCase();
    if (compact.length === wanted) return isValidIBAN(compact) ? index + 1 : 0;
  }
  return 0;
}

/** Characters of the longest card number at the beginning of the candidate that ends where a group of digits ends. */
function cardLength(candidate: string): number {
  for (let end = candidate.length; end >= 13; end = candidate.slice(0, end).search(/[ -]\d*$/)) {
    if (isCardNumber(candidate.slice(0, end))) return end;
  }
  return 0;
}

/** At least 13 digits with a valid Luhn checksum that are not one digit over and over. */
function isCardNumber(text: string): boolean {
  const digits = text.replaceAll(/\D/g, '');
  if (digits.length < 13 || /^(\d)\1*$/.test(digits)) return false;
  let sum = 0;
  for (let place = 0; place < digits.length; place += 1) {
    const digit = Number(digits.charAt(digits.length - 1 - place));
    const doubled = place % 2 === 0 ? digit : digit * 2;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/** Needs a digit, so that `a::b` in code stays. */
function isIpv6(candidate: string): boolean {
  if (!/\d/.test(candidate) || /:::|::.*::/.test(candidate)) return false;
  const groups = candidate.split(':');
  const shortened = candidate.includes('::');
  if (!shortened && groups.length !== 8) return false;
  if (/^:[^:]|[^:]:$/.test(candidate)) return false;
  return groups.length <= 9 && groups.every((group) => group.length <= 4);
}
