import { visit } from 'jsonc-parser';
import { ConclaveError } from '../contract/errors';

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads a JSON body without leniency (spec/README.md, "Odd requests").
 * @throws ConclaveError INVALID_REQUEST: `invalid_utf8`, `invalid_json`, `lone_surrogate`
 */
export function parseJsonBody(bytes: Uint8Array): { value: unknown; text: string } {
  let text: string;
  try {
    text = strictUtf8.decode(bytes);
  } catch {
    throw refused('the body is not valid UTF-8', 'invalid_utf8');
  }
  let value: unknown;
  try {
    value = JSON.parse(text) as unknown;
  } catch {
    throw refused('the body is not valid JSON', 'invalid_json');
  }
  // Only an escape can put half a character into a text that is valid UTF-8.
  const at = text.includes('\\u') ? loneSurrogateIn(value, '') : null;
  if (at !== null) {
    throw new ConclaveError('INVALID_REQUEST', 'the body holds half of a surrogate pair', {
      detail: 'lone_surrogate',
      fieldErrors: [{ path: at, message: 'must be well-formed Unicode' }],
    });
  }
  return { value, text };
}

/** JSON.parse keeps the last of two equal keys; a caller who sends two does not know which one we judged. */
export function refuseDuplicateKeys(text: string): void {
  const open: Set<string>[] = [];
  let duplicate: string | null = null;
  visit(text, {
    onObjectBegin: () => void open.push(new Set()),
    onObjectEnd: () => void open.pop(),
    onObjectProperty: (property, _offset, _length, _line, _column, path) => {
      const keys = open.at(-1)!;
      if (keys.has(property)) duplicate ??= pathOf([...path(), property]);
      keys.add(property);
    },
  });
  if (duplicate === null) return;
  throw new ConclaveError('INVALID_REQUEST', 'the body holds a key twice', {
    detail: 'duplicate_key',
    fieldErrors: [{ path: duplicate, message: 'is given more than once' }],
  });
}

/** `a.b[2].c` */
export function pathOf(parts: readonly PropertyKey[]): string {
  return parts.reduce<string>((path, part) => {
    if (typeof part === 'number') return `${path}[${part}]`;
    return path === '' ? String(part) : `${path}.${String(part)}`;
  }, '');
}

function loneSurrogateIn(value: unknown, path: string): string | null {
  if (typeof value === 'string') return value.isWellFormed() ? null : path;
  if (typeof value !== 'object' || value === null) return null;
  for (const [key, inner] of Object.entries(value)) {
    if (!key.isWellFormed()) return path;
    const at = loneSurrogateIn(
      inner,
      Array.isArray(value) ? `${path}[${key}]` : pathOf([...(path ? [path] : []), key]),
    );
    if (at !== null) return at;
  }
  return null;
}

function refused(message: string, detail: string): ConclaveError {
  return new ConclaveError('INVALID_REQUEST', message, { detail });
}
