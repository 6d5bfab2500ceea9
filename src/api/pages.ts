import { ConclaveError } from '../contract/errors';
import { alphabetically } from '../domain/compare';

interface Page<T> {
  readonly items: readonly T[];
  readonly next_page_token?: string;
}

/**
 * The items after the one that a token stands for, which need not be there any more (spec/README.md, "Lists").
 * @param keyOf what the items are ordered by; no two have the same
 * @throws ConclaveError INVALID_REQUEST for a token that was not handed out
 */
export function pageOf<T>(
  items: readonly T[],
  { limit, page_token: token }: { readonly limit: number; readonly page_token?: string | undefined },
  keyOf: (item: T) => readonly string[],
  compare: (a: readonly string[], b: readonly string[]) => number,
): Page<T> {
  const after = token === undefined ? null : keyIn(token);
  const rest = after === null ? items : items.filter((item) => compare(keyOf(item), after) > 0);
  const page = rest.slice(0, limit);
  if (rest.length <= page.length) return { items: page };
  return {
    items: page,
    next_page_token: Buffer.from(JSON.stringify(keyOf(page.at(-1)!))).toString('base64url'),
  };
}

/** An order of keys that are an id. */
export function byId([a = '']: readonly string[], [b = '']: readonly string[]): number {
  return alphabetically(a, b);
}

/** An order of keys that are a time and an id. */
export function latestFirst(
  [atA = '', idA = '']: readonly string[],
  [atB = '', idB = '']: readonly string[],
): number {
  return alphabetically(atB, atA) || alphabetically(idA, idB);
}

function keyIn(token: string): readonly string[] {
  try {
    const key: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (Array.isArray(key) && key.every((part): part is string => typeof part === 'string')) return key;
  } catch {
    // Said below.
  }
  const message = 'is no token that a list has given';
  throw new ConclaveError('INVALID_REQUEST', `page_token ${message}`, {
    detail: 'validation_failed',
    fieldErrors: [{ path: 'page_token', message }],
  });
}
