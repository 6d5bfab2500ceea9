import type { Candidate } from '../overlaps';

const BEGIN = /-----BEGIN (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----/g;
const END = /-----END (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----/;
/** Key material as far as it goes: base64 with line breaks, real or escaped, and the headers of older formats. */
const BODY = /(?:(?:Proc-Type|DEK-Info|Version|Comment): [^\n]{0,80}|[A-Za-z0-9+/=\s"',]|\\[nr])*/y;
const PUTTY = /PuTTY-User-Key-File-[23]:[^]{0,4000}?Private-Lines: \d{1,3}\s+[A-Za-z0-9+/=\s]{40,8000}/g;

const LONGEST_BLOCK = 16_000;
/** Less material than this is a document that mentions the format. */
const LEAST_MATERIAL = 32;

/** Private keys in PEM armor, whole or cut off before their end. */
export function findPrivateKeys(text: string): Candidate[] {
  const found: Candidate[] = [];
  for (const match of text.matchAll(BEGIN)) {
    const bodyStart = match.index + match[0].length;
    const body = bodyAt(text, bodyStart);
    const longestRun =
      /[A-Za-z0-9+/=]{32,}/.exec(
        body.replaceAll(/(?:Proc-Type|DEK-Info|Version|Comment): [^\n]*|\\[nr]|[\s"',]/g, ''),
      )?.[0] ?? '';
    if (longestRun.length < LEAST_MATERIAL || /^(.)\1+$/.test(longestRun)) continue;
    const bodyEnd = bodyStart + body.trimEnd().length;
    const end = END.exec(text.slice(bodyEnd, bodyEnd + 80));
    const closing = end !== null && end.index <= 4 ? end.index + end[0].length : 0;
    found.push({
      start: match.index,
      end: bodyEnd + closing,
      label: 'private_key',
      score: closing > 0 ? 0.99 : 0.93,
    });
  }
  for (const match of text.matchAll(PUTTY)) {
    found.push({
      start: match.index,
      end: match.index + match[0].trimEnd().length,
      label: 'private_key',
      score: 0.98,
    });
  }
  return found;
}

function bodyAt(text: string, start: number): string {
  BODY.lastIndex = 0;
  return BODY.exec(text.slice(start, start + LONGEST_BLOCK))?.[0] ?? '';
}
