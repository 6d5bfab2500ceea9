import type { Candidate } from '../overlaps';
import { entropyPerCharacter, isPlaceholder } from './likeness';

/** A credential that its issuer made recognizable by sight. */
interface KnownKey {
  readonly label: 'api_key' | 'token' | 'private_key' | 'connection_string';
  /** Global and linear; the whole match is the secret. */
  readonly pattern: RegExp;
  readonly accepts?: (value: string) => boolean;
  /** What must stand within the 80 characters before it, where the shape alone is too common. */
  readonly after?: RegExp;
  readonly score: number;
}

const WORD_START = '(?<![A-Za-z0-9_])';
const WORD_END = '(?![A-Za-z0-9_])';
const key = (body: string, flags = 'g'): RegExp => new RegExp(`${WORD_START}${body}${WORD_END}`, flags);

function isJsonWebToken(value: string): boolean {
  try {
    const header: unknown = JSON.parse(
      Buffer.from(value.slice(0, value.indexOf('.')), 'base64url').toString('utf8'),
    );
    return typeof header === 'object' && header !== null && 'alg' in header && typeof header.alg === 'string';
  } catch {
    return false;
  }
}

const isRandomAwsSecret = (value: string): boolean =>
  entropyPerCharacter(value) >= 4 && /[a-z]/.test(value) && /[A-Z]/.test(value) && /\d/.test(value);

/** In a long base64 text a word such as `fake` turns up by chance. */
const standsIn = (value: string): boolean => value.length <= 120 && isPlaceholder(value);

const knownKeys: readonly KnownKey[] = [
  { label: 'api_key', pattern: key('(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}'), score: 0.95 },
  {
    label: 'api_key',
    pattern: /(?<![A-Za-z0-9/+=])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])/g,
    accepts: isRandomAwsSecret,
    after: /aws|amazon|secret.{0,3}(?:access)?.{0,3}key|A[KS]IA[A-Z0-9]{16}/i,
    score: 0.93,
  },
  { label: 'api_key', pattern: key('AIza[\\w-]{35}'), score: 0.97 },
  { label: 'api_key', pattern: key('GOCSPX-[\\w-]{28}'), score: 0.97 },
  { label: 'token', pattern: key('ya29\\.[\\w-]{30,400}'), score: 0.95 },
  {
    label: 'connection_string',
    pattern: /(?<=(?:AccountKey|SharedAccessKey)=)[A-Za-z0-9+/]{43,88}={0,2}/g,
    score: 0.97,
  },
  { label: 'token', pattern: /(?<=[?&]sig=)[A-Za-z0-9%/+]{40,100}(?:%3D|=)/gi, score: 0.9 },
  { label: 'api_key', pattern: /(?<![\w~.-])[\w~.-]{3}\dQ~[\w~.-]{31,34}(?![\w~-])/g, score: 0.93 },
  { label: 'api_key', pattern: key('[sr]k_(?:live|test)_[A-Za-z0-9]{20,100}'), score: 0.97 },
  { label: 'api_key', pattern: key('whsec_[A-Za-z0-9+/]{24,64}'), score: 0.93 },
  { label: 'api_key', pattern: key('SK[0-9a-f]{32}'), score: 0.85 },
  { label: 'api_key', pattern: key('SG\\.[\\w-]{20,24}\\.[\\w-]{39,50}'), score: 0.97 },
  { label: 'api_key', pattern: key('key-[0-9a-f]{32}'), score: 0.88 },
  { label: 'api_key', pattern: key('[0-9a-f]{32}-us\\d{1,2}'), score: 0.92 },
  { label: 'api_key', pattern: key('sk-(?:proj-|svcacct-|or-v1-|ant-)?[A-Za-z0-9_-]{32,200}'), score: 0.92 },
  { label: 'api_key', pattern: key('NRAK-[A-Z0-9]{27}'), score: 0.95 },
  { label: 'api_key', pattern: key('PMAK-[0-9a-f]{24}-[0-9a-f]{34}'), score: 0.97 },
  { label: 'token', pattern: key('pypi-AgE[\\w-]{50,300}'), score: 0.97 },
  { label: 'token', pattern: key('\\d{8,10}:AA[\\w-]{33}'), score: 0.95 },
  { label: 'token', pattern: key('[MNO][\\w-]{23,25}\\.[\\w-]{6}\\.[\\w-]{27,38}'), score: 0.85 },
  { label: 'token', pattern: key('do[opr]_v1_[0-9a-f]{64}'), score: 0.97 },
  { label: 'token', pattern: key('sq0(?:atp|csp)-[\\w-]{22,43}'), score: 0.95 },
  { label: 'token', pattern: key('r8_[A-Za-z0-9]{37}'), score: 0.95 },
  { label: 'token', pattern: key('sbp_[0-9a-f]{40}'), score: 0.95 },
  { label: 'token', pattern: key('ATATT3[\\w=-]{60,300}'), score: 0.95 },
  { label: 'token', pattern: key('pat[A-Za-z0-9]{14}\\.[0-9a-f]{64}'), score: 0.95 },
  { label: 'token', pattern: key('rubygems_[0-9a-f]{48}'), score: 0.95 },
  {
    label: 'token',
    pattern: /https:\/\/discord(?:app)?\.com\/api\/webhooks\/\d{17,20}\/[\w-]{60,70}/g,
    score: 0.95,
  },
  {
    label: 'token',
    pattern: /(?<![\w-])eyJ[\w-]{8,2000}\.[\w-]{4,8000}\.[\w-]{0,2000}(?:\.[\w-]{1,2000}){0,2}/g,
    accepts: isJsonWebToken,
    score: 0.96,
  },
  { label: 'private_key', pattern: key('AGE-SECRET-KEY-1[0-9A-Z]{58}'), score: 0.98 },
];

export function findKnownKeys(text: string): Candidate[] {
  const found: Candidate[] = [];
  for (const { label, pattern, accepts, after, score } of knownKeys) {
    for (const match of text.matchAll(pattern)) {
      const [value] = match;
      const leading = () => text.slice(Math.max(0, match.index - 80), match.index);
      if (accepts?.(value) === false || after?.test(leading()) === false || standsIn(value)) continue;
      found.push({ start: match.index, end: match.index + value.length, label, score });
    }
  }
  return found;
}
