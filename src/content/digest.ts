import { createHash } from 'node:crypto';

/** In hex; by it a file is known to uploads, caches and fingerprints. */
export function sha256(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}
