import { createCipheriv, createDecipheriv, randomFillSync } from 'node:crypto';

const algorithm = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

const noHead = Buffer.alloc(0);

/** AES-256-GCM with a fresh nonce: `head ‖ nonce ‖ ciphertext ‖ tag`, bound to the context it is stored in. */
export function seal(key: Buffer, plaintext: Uint8Array, context: string, head = noHead): Buffer {
  const nonce = freshNonce();
  const cipher = createCipheriv(algorithm, key, nonce);
  cipher.setAAD(Buffer.from(context));
  return Buffer.concat([head, nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** Drawn many at a time: one by one they take longer than the sealing. */
const drawn = Buffer.alloc(nonceBytes * 256);
let used = drawn.length;

function freshNonce(): Buffer {
  if (used === drawn.length) {
    randomFillSync(drawn);
    used = 0;
  }
  return drawn.subarray(used, (used += nonceBytes));
}

export class TamperedError extends Error {
  override readonly name = 'TamperedError';
  constructor() {
    super('this is not what was sealed with this key for this place');
  }
}

/** @throws TamperedError when the key, the context or a single bit is not what it was */
export function unseal(key: Buffer, sealed: Uint8Array, context: string): Buffer {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  if (bytes.length < nonceBytes + tagBytes) throw new TamperedError();
  const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, nonceBytes));
  decipher.setAAD(Buffer.from(context));
  decipher.setAuthTag(bytes.subarray(bytes.length - tagBytes));
  const plain = decipher.update(bytes.subarray(nonceBytes, -tagBytes));
  try {
    return Buffer.concat([plain, decipher.final()]);
  } catch {
    throw new TamperedError();
  }
}
