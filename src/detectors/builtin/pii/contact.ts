import { findPhoneNumbersInText, type CountryCode } from 'libphonenumber-js/max';
import type { Candidate } from '../overlaps';
import { BUSINESS_NUMBER, before, distanceToContext, words, type Recognizer } from './recognizer';

const LOCAL_PART = String.raw`(?<![\p{L}\p{N}._%+@/-])[\p{L}\p{N}_%+'.-]{1,64}`;
const DOMAIN = String.raw`[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,62})(?:\.[\p{L}\p{N}][\p{L}\p{N}-]{0,62}){1,6}`;

/** `logo@2x.png` and `index@1.2.js` look like mailboxes. */
const FILE_ENDING =
  /\.(?:png|jpe?g|gif|svg|webp|avif|css|s?css|js|mjs|cjs|ts|tsx|jsx|json|ya?ml|html?|py|rb|go|rs|java|zip|gz|pdf|md|txt|lock)$/i;

function isMailbox(value: string): boolean {
  const at = value.lastIndexOf('@');
  const local = value.slice(0, at);
  const domain = value.slice(at + 1);
  if (local.startsWith('.') || local.endsWith('.') || local.includes('..')) return false;
  return (
    /\.(?:\p{L}{2,24}|xn--[a-z0-9-]{2,59})$/iu.test(domain) &&
    !FILE_ENDING.test(domain) &&
    !domain.includes('-.')
  );
}

export const emailRecognizers: readonly Recognizer[] = [
  {
    label: 'email',
    pattern: new RegExp(
      String.raw`${LOCAL_PART}@${DOMAIN}(?![\p{L}\p{N}@_])(?!:[\p{L}\p{N}~][^\s]*\.git)`,
      'gu',
    ),
    accepts: isMailbox,
    // the password of https://user:secret@host is no mailbox, nor is the user of ssh://git@host
    notAfter: /(?::\/\/[^\s/]{0,48}|(?<!\w)(?:ssh|scp|rsync|git clone)\s)$/,
    alone: 0.97,
  },
  {
    label: 'email',
    pattern:
      /(?<![\w.+-])[\w.+-]{1,64} ?(?:\[at\]|\(at\)|\{at\}|<at>) ?[a-z0-9-]{1,63}(?: ?(?:\[dot\]|\(dot\)|\{dot\}|<dot>|\.) ?[a-z0-9-]{1,63}){1,4}(?!\w)/gi,
    alone: 0.75,
  },
];

const phoneWords = words(
  'phone(?: ?(?:number|no|#))?',
  'tel(?:ephone|[ée]fono|efon|efone|efono|[ée]phone)?',
  'call(?:ed|ing)?',
  'mobile',
  'cell(?:phone)?',
  'text(?: me)?',
  'sms',
  'whats ?app',
  'fax',
  'contact',
  'reach(?: me)?',
  'ring',
  'dial',
  'handy',
  'm[óo]vil',
  'celular',
  'portable',
  'signal',
  'hotline',
  'number is',
  'ph',
);

/**
 * Phone numbers that the national numbering plan admits. A bare run of digits counts only beside a word such as `call`:
 * one ten-digit number in two is dialable somewhere.
 */
export function findPhones(text: string, defaultCountry: CountryCode): Candidate[] {
  const found: Candidate[] = [];
  // a comma is read as a pause before an extension, which merges the numbers of a list into one
  for (const { startsAt: start, endsAt: end } of findPhoneNumbersInText(text.replaceAll(',', '|'), {
    defaultCountry,
  })) {
    if (/[\w.]$/.test(text.slice(0, start).slice(-1)) || /^[\w-]/.test(text.slice(end, end + 1))) continue;
    const distance = distanceToContext(phoneWords, text, start, end);
    const bare = /^\p{Nd}+$/u.test(text.slice(start, end));
    if (distance !== undefined) found.push({ start, end, label: 'phone', score: 0.9 - distance / 1000 });
    else if (!bare && !BUSINESS_NUMBER.test(before(text, start)))
      found.push({ start, end, label: 'phone', score: 0.72 });
  }
  return found;
}
