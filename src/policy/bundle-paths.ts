import { lstat, open, realpath } from 'node:fs/promises';
import { isAbsolute, relative, sep } from 'node:path';
import { PolicyCompileError, type PolicyProblem, problem, type ProblemCode } from './problem';

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/** Whether a relative path stays where it is relative to, on any platform. */
export function staysInside(path: string): boolean {
  return !isAbsolute(path) && !/^[A-Za-z]:|^[\\/]/.test(path) && !path.split(/[\\/]/).includes('..');
}

/** As problems name a file of the bundle. */
export function shownPath(root: string, file: string): string {
  return relative(root, file).split(sep).join('/') || '.';
}

/**
 * The file that a path of the bundle stands for. A symbolic link is followed to a file inside the bundle, as mounted
 * configuration needs it, and nowhere else.
 * @param root of the bundle, free of links
 * @throws PolicyCompileError
 */
async function regularFile(root: string, file: string): Promise<string> {
  const shown = shownPath(root, file);
  const entry = await lstat(file).catch(() => null);
  if (!entry) throw refusal(shown, 'is missing or cannot be read', 'missing_file');
  if (!entry.isSymbolicLink()) {
    if (entry.isFile()) return file;
    throw refusal(shown, 'is not a regular file', 'missing_file');
  }
  const target = await realpath(file).catch(() => null);
  if (target === null) throw refusal(shown, 'is a symbolic link to nothing', 'symlink');
  if (!target.startsWith(root + sep))
    throw refusal(shown, 'is a symbolic link that leads out of the bundle', 'symlink');
  if (!(await lstat(target)).isFile())
    throw refusal(shown, 'is a symbolic link to what is not a file', 'symlink');
  return target;
}

/** The text of a file of the bundle, without a byte order mark. @throws PolicyCompileError */
export async function readText(root: string, file: string, maxBytes: number): Promise<string> {
  const shown = shownPath(root, file);
  const handle = await open(await regularFile(root, file)).catch((error: unknown) => {
    if (error instanceof PolicyCompileError) throw error;
    throw refusal(shown, 'is missing or cannot be read', 'missing_file');
  });
  try {
    if ((await handle.stat()).size > maxBytes)
      throw refusal(shown, `is larger than ${maxBytes} bytes`, 'too_large');
    return decode(await handle.readFile(), shown);
  } finally {
    await handle.close();
  }
}

function decode(bytes: Uint8Array, shown: string): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    throw new PolicyCompileError([{ ...badByte(bytes, shown), message: 'is not valid UTF-8' }]);
  }
}

/** Where the first byte stands that is not UTF-8: in the line that no longer decodes. */
function badByte(bytes: Uint8Array, file: string): PolicyProblem {
  let start = 0;
  for (let line = 1; ; line++) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline < 0 ? bytes.length : newline;
    try {
      strictUtf8.decode(bytes.subarray(start, end));
    } catch {
      return { code: 'not_utf8', file, line, column: null, message: '' };
    }
    if (newline < 0) return { code: 'not_utf8', file, line: null, column: null, message: '' };
    start = newline + 1;
  }
}

export function refusal(file: string, message: string, code: ProblemCode): PolicyCompileError {
  return new PolicyCompileError([problem(file, message, code)]);
}

/** Names that a person cannot tell from others, or that a terminal obeys, are no names of files. */
export function isPlainName(name: string): boolean {
  return name.length <= 200 && name.isWellFormed() && !/[\p{Cc}\p{Cf}]/u.test(name);
}
