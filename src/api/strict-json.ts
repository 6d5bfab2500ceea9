import { visit } from 'jsonc-parser';
import { ConclaveError } from '../contract/errors';

/** Deeper than any body of the contract; what walks a body may recurse. */
const maxDepth = 32;
const maxPathLength = 200;
const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads a JSON body without leniency (spec/README.md, "Odd requests").
 * @throws ConclaveError INVALID_REQUEST: `invalid_utf8`, `invalid_json`, `lone_surrogate`, `reserved_key`, `too_deep`
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
  refuseOddities(value, []);
  return { value, text };
}

/** JSON.parse keeps the last of two equal keys; a caller who sends two does not know which one we judged. */
export function refuseDuplicateKeys(text: string): void {
  const open: Set<string>[] = [];
  let duplicate: PropertyKey[] | null = null;
  visit(text, {
    onObjectBegin: () => void open.push(new Set()),
    onObjectEnd: () => void open.pop(),
    onObjectProperty: (property, _offset, _length, _line, _column, path) => {
      const keys = open.at(-1)!;
      if (keys.has(property)) duplicate ??= [...path(), property];
      keys.add(property);
    },
  });
  if (duplicate === null) return;
  throw refused('the body holds a key twice', 'duplicate_key', duplicate, 'is given more than once');
}

/** `a.b[2].c`; keys are the caller's, so the whole is kept short. */
export function pathOf(parts: readonly PropertyKey[]): string {
  const path = parts.reduce<string>((path, part) => {
    if (typeof part === 'number') return `${path}[${part}]`;
    return path === '' ? String(part) : `${path}.${String(part)}`;
  }, '');
  return path.length <= maxPathLength ? path : `${path.slice(0, maxPathLength).toWellFormed()}…`;
}

/** What is JSON, but not to be had here: half a character, a key that JavaScript would not keep, an abyss. */
function refuseOddities(value: unknown, path: PropertyKey[]): void {
  if (typeof value === 'string' && !value.isWellFormed()) throw loneSurrogate(path);
  if (typeof value !== 'object' || value === null) return;
  if (path.length > maxDepth) {
    throw refused('the body is nested too deeply', 'too_deep', path.slice(0, 1), 'is nested too deeply');
  }
  const isList = Array.isArray(value);
  for (const [key, inner] of Object.entries(value)) {
    if (!key.isWellFormed()) throw loneSurrogate(path);
    path.push(isList ? Number(key) : key);
    if (key === '__proto__') {
      throw refused('the body holds a reserved key', 'reserved_key', path, 'is a reserved name');
    }
    refuseOddities(inner, path);
    path.pop();
  }
}

function loneSurrogate(path: readonly PropertyKey[]): ConclaveError {
  const message = 'the body holds half of a surrogate pair';
  return refused(message, 'lone_surrogate', path, 'must be well-formed Unicode');
}

function refused(
  message: string,
  detail: string,
  path?: readonly PropertyKey[],
  fieldMessage = '',
): ConclaveError {
  const fieldErrors = path === undefined ? [] : [{ path: pathOf(path), message: fieldMessage }];
  return new ConclaveError('INVALID_REQUEST', message, { detail, fieldErrors });
}
