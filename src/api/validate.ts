import type { z } from 'zod';
import { ConclaveError, type FieldError } from '../contract/errors';
import { pathOf } from './strict-json';

const maxFieldErrors = 50;

/** @throws ConclaveError INVALID_REQUEST naming every field at fault, without its value */
export function validate<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const fieldErrors = parsed.error.issues.flatMap((issue) => describe(issue, value)).slice(0, maxFieldErrors);
  throw new ConclaveError('INVALID_REQUEST', `the request is invalid: ${summary(fieldErrors)}`, {
    detail: 'validation_failed',
    fieldErrors,
  });
}

function describe(issue: z.core.$ZodIssue, body: unknown): FieldError[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: pathOf([...issue.path, key]), message: 'is not a known field' }));
  }
  const message = isAbsent(body, issue.path) ? 'is required' : messageOf(issue);
  return [{ path: pathOf(issue.path), message }];
}

/** A field that is not there, or `null`, which is the same; an entry of a list is there in any case. */
function isAbsent(body: unknown, path: readonly PropertyKey[]): boolean {
  if (path.length === 0 || typeof path.at(-1) === 'number') return false;
  let value: unknown = body;
  for (const part of path) value = (value as Record<PropertyKey, unknown> | null | undefined)?.[part];
  return value === undefined || value === null;
}

const kinds: Readonly<Record<string, string>> = {
  array: 'an array',
  object: 'an object',
  record: 'an object',
  int: 'an integer',
};

function messageOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return `must be ${kinds[issue.expected] ?? `a ${issue.expected}`}`;
  if (issue.code === 'invalid_value') return oneOf(issue.values);
  if (issue.code === 'invalid_union' && issue.inclusive !== false && issue.options)
    return oneOf(issue.options);
  if (issue.code === 'invalid_union') return 'must be a finite JSON value';
  return issue.message;
}

function oneOf(values: readonly unknown[]): string {
  return `must be one of ${values.map(String).join(', ')}`;
}

function summary(fieldErrors: readonly FieldError[]): string {
  const [first] = fieldErrors;
  if (!first) return 'see field_errors';
  const more = fieldErrors.length > 1 ? ` (and ${fieldErrors.length - 1} more)` : '';
  return `${first.path === '' ? 'the body' : first.path} ${first.message}${more}`;
}
