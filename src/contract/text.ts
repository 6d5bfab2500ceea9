import { z } from 'zod';

/** Length in Unicode code points, the contract's unit for strings. */
export function codePointLength(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length - 1; i++) {
    if (isHigh(text.charCodeAt(i)) && isLow(text.charCodeAt(i + 1))) {
      length--;
      i++;
    }
  }
  return length;
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

/** A string bounded in code points. */
export function boundedText(min: number, max: number) {
  return z
    .string()
    .refine((text) => codePointLength(text) >= min, {
      error: min === 1 ? 'must not be empty' : `must have at least ${min} characters`,
    })
    .refine((text) => text.length <= max || codePointLength(text) <= max, {
      error: `must have at most ${max} characters`,
    })
    .meta({ minLength: min, maxLength: max });
}

/** NUL and lone surrogates: databases refuse them. */
const unstorable = /[\0\p{Surrogate}]/u;

/** What is stored as it is. */
export function storableText(min: number, max: number) {
  return boundedText(min, max).refine((text) => !unstorable.test(text), {
    error: 'must not hold the NUL character, nor halves of characters',
  });
}

export const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
export const tenantPattern = /^[A-Za-z0-9_-]{1,64}$/;
const versionPattern = /^\d+\.\d+(\.\d+)?$/;
export const jobIdPattern = /^job-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

export const nameSchema = z
  .string()
  .regex(namePattern, 'must be 1-100 letters, digits, `.`, `_` or `-`, beginning with a letter or digit');
export const tenantSchema = z.string().regex(tenantPattern, 'must be 1-64 letters, digits, `_` or `-`');
export const versionSchema = z.string().max(100).regex(versionPattern, 'must look like 1.0 or 1.0.3');

/** Names of hosts as lists of them have them. */
export const hostPatternSchema = z
  .string()
  .max(253)
  .regex(/^(\*\.)?[A-Za-z0-9_.:-]+$/, 'must be a host name, an address or `*.` and the end of names');
