import { randomInt } from 'node:crypto';
import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import path from 'node:path';

/** Two texts that occur nowhere by chance: one that fits everywhere, one of characters that encoders escape. */
export interface Marks {
  /** Visible ASCII; its `~~~~` makes base64 and base64url differ. */
  readonly word: string;
  /** Three Chinese characters and two beyond the basic plane. */
  readonly han: string;
}

export function newMarks(): Marks {
  const pick = (from: number, count: number, length: number): string =>
    Array.from({ length }, () => String.fromCodePoint(from + randomInt(count))).join('');
  return { word: `${pick(0x61, 26, 12)}~~~~`, han: `${pick(0x4e00, 20_000, 3)}${pick(0x20000, 40_000, 2)}` };
}

export interface Needle {
  readonly mark: keyof Marks;
  readonly encoding: string;
  readonly bytes: Buffer;
}

export interface Hit {
  readonly file: string;
  readonly mark: keyof Marks;
  readonly encoding: string;
  /** What stands around it, to tell by which way it got there. */
  readonly excerpt: string;
}

/** Every guise under which a mark could lie in a file. */
export function needlesFor(marks: Marks): Needle[] {
  return (['word', 'han'] as const).flatMap((mark) => {
    const seen = new Set<string>();
    return Object.entries(guisesOf(marks[mark])).flatMap(([encoding, bytes]) => {
      const known = seen.has(bytes.toString('latin1'));
      seen.add(bytes.toString('latin1'));
      return known ? [] : [{ mark, encoding, bytes }];
    });
  });
}

function guisesOf(mark: string): Record<string, Buffer> {
  const utf8 = Buffer.from(mark);
  const escaped = [...utf16Units(mark)].map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
  const percent = [...utf8].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
  const texts: Record<string, string> = {
    'JSON-escaped': escaped,
    'JSON-escaped, upper case': escaped.replaceAll(/[a-f]/g, (digit) => digit.toUpperCase()),
    'JSON in JSON': escaped.replaceAll('\\', '\\\\'),
    'URL-encoded': encodeURIComponent(mark),
    'URL-encoded, lower case': percent,
    'URL-encoded, every byte': percent.toUpperCase(),
    hex: utf8.toString('hex'),
    'hex, upper case': utf8.toString('hex').toUpperCase(),
  };
  for (const shift of [0, 1, 2]) {
    texts[`base64, shifted ${shift}`] = base64Core(utf8, shift, 'base64');
    texts[`base64url, shifted ${shift}`] = base64Core(utf8, shift, 'base64url');
  }
  return {
    raw: utf8,
    'UTF-16LE': Buffer.from(mark, 'utf16le'),
    'UTF-16BE': Buffer.from(mark, 'utf16le').swap16(),
    ...Object.fromEntries(Object.entries(texts).map(([encoding, text]) => [encoding, Buffer.from(text)])),
  };
}

/** The characters of an encoding that depend on nothing but the bytes, wherever in a text these begin. */
function base64Core(bytes: Buffer, shift: number, encoding: 'base64' | 'base64url'): string {
  const all = Buffer.concat([Buffer.alloc(shift), bytes]);
  return all.toString(encoding).slice(Math.ceil((shift * 8) / 6), Math.floor((all.length * 8) / 6));
}

function* utf16Units(text: string): Generator<number> {
  for (let index = 0; index < text.length; index++) yield text.charCodeAt(index);
}

export function searchBytes(bytes: Buffer, needles: readonly Needle[], file: string): Hit[] {
  return needles.flatMap(({ mark, encoding, bytes: needle }) => {
    const at = bytes.indexOf(needle);
    if (at === -1) return [];
    const excerpt = bytes.toString('latin1', Math.max(0, at - 60), at + needle.length + 60);
    return [{ file, mark, encoding, excerpt: excerpt.replaceAll(/[^\x20-\x7e]/g, '.') }];
  });
}

/** Files below a folder that were written since then (epoch ms); a mark that is younger cannot be in others. */
export function filesSince(folder: string, since: number): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) >= since);
}

const windowBytes = 16 * 1024 * 1024;

/**
 * Searches a file of any size, window by window; windows overlap by the longest needle. A file that a server has removed
 * meanwhile holds nothing any more: other suites drop their databases.
 */
export function searchFile(file: string, needles: readonly Needle[]): Hit[] {
  const overlap = Math.max(...needles.map(({ bytes }) => bytes.length));
  const buffer = Buffer.alloc(windowBytes + overlap);
  const hits: Hit[] = [];
  if (!existsSync(file)) return hits;
  const descriptor = openSync(file, 'r');
  try {
    for (let at = 0; ; at += windowBytes) {
      const read = readSync(descriptor, buffer, 0, buffer.length, at);
      hits.push(...searchBytes(buffer.subarray(0, read), needles, file));
      if (read < buffer.length) return hits;
    }
  } finally {
    closeSync(descriptor);
  }
}
