import type { Candidate } from '../overlaps';
import { isPlaceholder, isReference, looksLikePassword, looksRandom } from './likeness';

const BEARER = /(?<![\w-])Bearer\s{1,3}(?<value>[A-Za-z0-9._~+/-]{16,2000}={0,2})/gi;
const BASIC = /(?<![\w-])Basic\s{1,3}(?<value>[A-Za-z0-9+/]{8,400}={0,2})/g;
/** `curl -u user:password`, `sshpass -p password`, `mysql -ppassword`. */
const COMMAND_LINE =
  /(?:(?<=curl [^\n]{0,200})-u|--user|(?<=sshpass )-p|(?<=mysql(?:dump|admin)? [^\n]{0,100})-p)\s?["']?(?:[\w.@-]{1,64}:)?(?<value>[^\s"':]{6,100})/g;

/** Credentials by the place they are used in: HTTP headers and command lines. */
export function findUsedCredentials(text: string): Candidate[] {
  return [
    ...valuesOf(text, BEARER, 'token', 0.9, (value) => looksRandom(value, 20)),
    ...valuesOf(text, BASIC, 'password', 0.9, isUserAndPassword),
    ...valuesOf(text, COMMAND_LINE, 'password', 0.85, looksLikePassword),
  ];
}

function valuesOf(
  text: string,
  pattern: RegExp,
  label: string,
  score: number,
  accepts: (value: string) => boolean,
): Candidate[] {
  const found: Candidate[] = [];
  for (const match of text.matchAll(pattern)) {
    const value = match.groups?.value ?? '';
    if (isPlaceholder(value) || isReference(value) || !accepts(value)) continue;
    const end = match.index + match[0].length;
    found.push({ start: end - value.length, end, label, score });
  }
  return found;
}

/** RFC 7617: base64 of `user:password` in printable characters. */
function isUserAndPassword(value: string): boolean {
  const [, password] =
    /^[\x21-\x39\x3b-\x7e]{1,100}:([\x20-\x7e]{4,100})$/.exec(
      Buffer.from(value, 'base64').toString('utf8'),
    ) ?? [];
  return password !== undefined && !isPlaceholder(password);
}
