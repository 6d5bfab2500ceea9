import { filetypemime } from 'magic-bytes.js';
import type { FileType } from '../contract/content';

export interface MediaType {
  readonly contentType: FileType;
  readonly mediaType: string;
}

const images: readonly string[] = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];
const documents: readonly string[] = [
  'application/pdf',
  'application/zip',
  'application/x-cfb',
  'application/rtf',
];
/** Office files are archives, or compound files; which, only their parts tell. */
const compoundFile = Buffer.from('d0cf11e0a1b11ae1', 'hex');
const headBytes = 512;

/** What a file is by its first bytes; null: nothing that is judged here. */
export function mediaTypeOf(bytes: Buffer): MediaType | null {
  const guesses = bytes.subarray(0, 8).equals(compoundFile)
    ? ['application/x-cfb']
    : filetypemime(bytes.subarray(0, headBytes));
  const image = images.find((type) => guesses.includes(type));
  if (image !== undefined) return { contentType: 'image', mediaType: image };
  const document = documents.find((type) => guesses.includes(type));
  if (document !== undefined) return { contentType: 'document', mediaType: document };
  // Words may begin like a signature of two letters; what is all text is one.
  if (!isText(bytes)) return null;
  return { contentType: 'document', mediaType: 'text/plain' };
}

function isText(bytes: Buffer): boolean {
  if (bytes.includes(0)) return false;
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** Types that say no more than that there is a file. */
const unspecific = /^(?:application\/(?:octet-stream|x-binary|zip|x-zip-compressed)|binary\/octet-stream)$/;

const alias: Readonly<Record<string, string>> = {
  'image/jpg': 'image/jpeg',
  'text/rtf': 'application/rtf',
  'text/richtext': 'application/rtf',
};

/** Whether a file may be called by the media type that its sender gave it. */
export function mayBeCalled(declared: string, found: string): boolean {
  const type = declared.split(';', 1)[0]!.trim().toLowerCase();
  if (type === '' || unspecific.test(type)) return true;
  if (found === 'text/plain') return /^(?:text\/|application\/(?:json|xml|x-ndjson)$)/.test(type);
  return type === found || alias[type] === found;
}
