import { gunzipSync } from 'node:zlib';

const blockSize = 512;

/**
 * The content of one file in a `.tar.gz` as `opa build` writes it (plain ustar entries, leading slash ignored).
 * @throws RangeError when the archive holds no such file
 */
export function readTarGzEntry(archive: Uint8Array, name: string): Uint8Array {
  const tar = gunzipSync(archive);
  for (let offset = 0; offset + blockSize <= tar.length;) {
    const entryName = textUntilNul(tar.subarray(offset, offset + 100)).replace(/^\//, '');
    const size = Number.parseInt(textUntilNul(tar.subarray(offset + 124, offset + 136)), 8) || 0;
    const start = offset + blockSize;
    if (entryName === name) return Uint8Array.from(tar.subarray(start, start + size));
    offset = start + Math.ceil(size / blockSize) * blockSize;
  }
  throw new RangeError(`the archive holds no ${name}`);
}

function textUntilNul(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString('latin1');
}
