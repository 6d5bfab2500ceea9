import { countrySpecs, electronicFormatIBAN, isValidIBAN } from 'ibantools';
import type { Candidate } from '../overlaps';
import { BUSINESS_NUMBER, digitsOf, words, type Recognizer } from './recognizer';

/** Issuer prefixes with the lengths each issuer uses. */
const CARD_ISSUERS: readonly (readonly [prefix: RegExp, lengths: readonly number[]])[] = [
  [/^4/, [13, 16, 19]],
  [/^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, [16]],
  [/^3[47]/, [15]],
  [/^(?:30[0-5]|3[689])/, [14, 16, 19]],
  [/^(?:6011|64[4-9]|65)/, [16, 19]],
  [/^35(?:2[89]|[3-8])/, [16, 19]],
  [/^62/, [16, 17, 18, 19]],
  [/^220[0-4]/, [16, 19]],
  [/^(?:50|5[6-9]|6[37]|60)/, [12, 13, 14, 15, 16, 17, 18, 19]],
];

function luhnHolds(digits: string): boolean {
  let sum = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const digit = Number(digits[digits.length - 1 - index]);
    const weighted = index % 2 === 1 ? digit * 2 : digit;
    sum += weighted > 9 ? weighted - 9 : weighted;
  }
  return sum % 10 === 0;
}

function isPaymentCard(value: string): boolean {
  const digits = digitsOf(value);
  const known = CARD_ISSUERS.some(
    ([prefix, lengths]) => lengths.includes(digits.length) && prefix.test(digits),
  );
  return known && luhnHolds(digits);
}

/** US bank routing number: weights 3, 7, 1, modulus 10, and a Federal Reserve prefix. */
function isRoutingNumber(digits: string): boolean {
  const sum = [...digits].reduce(
    (total, digit, index) => total + Number(digit) * ([3, 7, 1][index % 3] ?? 0),
    0,
  );
  return sum % 10 === 0 && /^(?:0[1-9]|1[0-2]|2[1-9]|3[0-2]|6[1-9]|7[0-2]|80)/.test(digits);
}

const bankWords = words(
  'bank acc(?:oun)?t(?: (?:number|no|#))?',
  'acc(?:oun)?t\\.? (?:number|no\\.?|#)',
  '(?:checking|savings|current|deposit) acc(?:oun)?t',
  'sort code',
  'kontonummer',
  'n[úu]mero de cuenta',
  'beneficiary account',
);

export const paymentRecognizers: readonly Recognizer[] = [
  {
    label: 'credit_card',
    pattern: /(?<![\w.+-])\d{4}([ .-]?)\d{4}\1\d{4}\1\d{1,4}(?:\1\d{1,3})?(?![\w-]|\.\d)/g,
    accepts: isPaymentCard,
    context: words(
      '(?:credit|debit|payment|bank)? ?card',
      'visa',
      'master ?card',
      'amex',
      'discover',
      'cc',
      'card ?(?:no|number)',
      'pan',
      'kreditkarte',
      'karte',
      'tarjeta',
      'carte',
      'carta',
      'cart[ãa]o',
      'cvv',
      'exp(?:iry|ires)?',
    ),
    notAfter: BUSINESS_NUMBER,
    alone: 0.9,
    inContext: 0.99,
  },
  {
    label: 'credit_card',
    pattern: /(?<![\w.+-])3\d{3}([ -])\d{6}\1\d{4,5}(?![\w-]|\.\d)/g,
    accepts: isPaymentCard,
    alone: 0.92,
  },
  {
    label: 'routing_number',
    pattern: /(?<![\w-])\d{9}(?![\w-])/g,
    accepts: isRoutingNumber,
    context: words('routing', 'routing (?:number|no|transit)', 'aba', 'rtn'),
    inContext: 0.93,
  },
  {
    label: 'bank_account',
    pattern: /(?<![\w-])\d{7,17}(?![\w-]|\.\d)/g,
    context: bankWords,
    inContext: 0.75,
  },
];

/** IBANs, cut to the length of their country, so that a word behind the last group is not swallowed. */
export function findIbans(text: string): Candidate[] {
  const found: Candidate[] = [];
  for (const match of text.matchAll(/(?<![\p{L}\p{N}])[A-Za-z]{2}\d{2}(?=[ -]?[A-Za-z0-9])/gu)) {
    const length = countrySpecs[match[0].slice(0, 2).toUpperCase()]?.chars;
    const end = length === null || length === undefined ? undefined : endAfter(text, match.index, length);
    if (end === undefined) continue;
    const iban = electronicFormatIBAN(text.slice(match.index, end));
    if (iban !== null && isValidIBAN(iban))
      found.push({ start: match.index, end, label: 'iban', score: 0.98 });
  }
  return found;
}

/** Where the `count`th letter or digit from `start` ends, if only single separators lie between and a word ends there. */
function endAfter(text: string, start: number, count: number): number | undefined {
  const span = text.slice(start, start + count * 2);
  let seen = 0;
  for (let index = 0; index < span.length; index += 1) {
    const character = span.charAt(index);
    if (/[A-Za-z0-9]/.test(character)) seen += 1;
    else if (!/[ \u00a0-]/.test(character) || !/[A-Za-z0-9]/.test(span.charAt(index - 1))) return undefined;
    if (seen === count)
      return /[\p{L}\p{N}]/u.test(text.charAt(start + index + 1)) ? undefined : start + index + 1;
  }
  return undefined;
}
