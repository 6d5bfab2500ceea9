import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const algorithm = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

const noHead = Buffer.alloc(0);

/** AES-256-GCM with a fresh nonce: `head ‖ nonce ‖ ciphertext ‖ tag`, bound to the context it is stored in. */
export function seal(key: Buffer, plaintext: Uint8Array, context: string, head = noHead): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(algorithm, key, nonce);
  cipher.setAAD(Buffer.from(context));
  return Buffer.concat([head, nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
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
