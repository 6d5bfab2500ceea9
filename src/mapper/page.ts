import type { Request } from 'express';
import { MapperError } from './errors';

/** One page of a list in the project's list shape: `{<name>: [...], total_count, next_page_token?}`. */
export function pageOf<T>(request: Request, name: string, items: readonly T[]): Record<string, unknown> {
  const limit = wholeNumber(request.query.limit, 'limit', { byDefault: 50, min: 1, max: 200 });
  const start = wholeNumber(request.query.page_token, 'page_token', {
    byDefault: 0,
    min: 0,
    max: items.length,
  });
  const end = start + limit;
  return {
    [name]: items.slice(start, end),
    total_count: items.length,
    ...(end < items.length && { next_page_token: String(end) }),
  };
}

/** Whether the items that are always active pass the filter `is_active`. */
export function wantsActive(request: Request): boolean {
  const wanted = request.query.is_active ?? 'true';
  if (wanted !== 'true' && wanted !== 'false') throw invalidQuery('is_active', 'must be true or false');
  return wanted === 'true';
}

function wholeNumber(
  text: unknown,
  path: string,
  { byDefault, min, max }: { byDefault: number; min: number; max: number },
): number {
  if (text === undefined) return byDefault;
  const number = typeof text === 'string' && /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (number >= min && number <= max) return number;
  throw invalidQuery(path, `must be a whole number from ${min} to ${max}`);
}

function invalidQuery(path: string, message: string): MapperError {
  return new MapperError('INVALID_REQUEST', 'A query parameter is not valid.', {
    detail: 'query',
    fieldErrors: [{ path, message }],
  });
}
