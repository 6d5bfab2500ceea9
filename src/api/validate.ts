import type { z } from 'zod';
import { ConclaveError, type FieldError } from '../contract/errors';
import { pathOf } from './strict-json';

const maxFieldErrors = 50;

/** @throws ConclaveError INVALID_REQUEST naming every field at fault, without its value */
export function validate<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const fieldErrors = parsed.error.issues.flatMap(describe).slice(0, maxFieldErrors);
  throw new ConclaveError('INVALID_REQUEST', `the request is invalid: ${summary(fieldErrors)}`, {
    detail: 'validation_failed',
    fieldErrors,
  });
}

function describe(issue: z.core.$ZodIssue): FieldError[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: pathOf([...issue.path, key]), message: 'is not a known field' }));
  }
  if (issue.code === 'invalid_type' && issue.input === undefined && issue.path.length > 0) {
    return [{ path: pathOf(issue.path), message: 'is required' }];
  }
  return [{ path: pathOf(issue.path), message: messageOf(issue) }];
}

function messageOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return `must be a ${issue.expected}`;
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.map(String).join(', ')}`;
  return issue.message;
}

function summary(fieldErrors: readonly FieldError[]): string {
  const [first] = fieldErrors;
  if (!first) return 'see field_errors';
  const more = fieldErrors.length > 1 ? ` (and ${fieldErrors.length - 1} more)` : '';
  return `${first.path === '' ? 'the body' : first.path} ${first.message}${more}`;
}
