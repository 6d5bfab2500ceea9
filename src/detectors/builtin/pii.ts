import { isSupportedCountry, type CountryCode } from 'libphonenumber-js/max';
import { z } from 'zod';
import type { BuiltinDetector, BuiltinFinding } from './builtin-detector';
import { codePointIndexer } from './code-points';
import { strongestOfOverlapping } from './overlaps';
import { emailRecognizers, findPhones } from './pii/contact';
import { documentRecognizers } from './pii/documents';
import { foldLookalikes } from './pii/fold';
import { nationalIdRecognizers } from './pii/national-ids';
import { networkRecognizers } from './pii/network';
import { findIbans, paymentRecognizers } from './pii/payment';
import { recognize } from './pii/recognizer';

const recognizers = [
  ...emailRecognizers,
  ...networkRecognizers,
  ...paymentRecognizers,
  ...nationalIdRecognizers,
  ...documentRecognizers,
];

const paramsSchema = z.object({
  /** ISO 3166-1 alpha-2 country whose dialing rules read numbers without a leading `+`. */
  default_country: z
    .string()
    .toUpperCase()
    .refine((code): code is CountryCode => isSupportedCountry(code), 'unknown country')
    .default('US'),
});

/**
 * Personal data, each kind checked as far as it can be: check digits, numbering plans, ranges, and words that vouch for
 * numbers which mean nothing alone. Params: `default_country` (default `US`); others are ignored.
 *
 * @throws ZodError when `default_country` is no country with a numbering plan
 */
export const piiDetector: BuiltinDetector = {
  name: 'pii',
  version: '1.0.0',
  maxContentLength: 50_000,
  taxonomyCategories: [
    'PII.Contact.Email',
    'PII.Contact.Phone',
    'PII.Health.HIPAA',
    'PII.Identifier.BankAccount',
    'PII.Identifier.CreditCard',
    'PII.Identifier.Other',
    'PII.Identifier.Passport',
    'PII.Identifier.SSN',
    'PII.Person.DateOfBirth',
  ],
  detect(original, params = {}): BuiltinFinding[] {
    const text = foldLookalikes(original);
    const { default_country: defaultCountry } = paramsSchema.parse(params);
    const candidates = [
      ...recognizers.flatMap((recognizer) => recognize(recognizer, text)),
      ...findIbans(text),
      ...findPhones(text, defaultCountry),
    ];
    const codePoint = codePointIndexer(text);
    return strongestOfOverlapping(candidates).map(({ start, end, label, score }) => ({
      start: codePoint(start),
      end: codePoint(end),
      label,
      type: 'pii',
      score,
    }));
  },
};
