import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** `ck_`, an id that may be shown, and 256 bits that may not. */
const form = /^ck_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;

/** Whether a text claims to be an API key; a token never does. */
export function isApiKey(text: string): boolean {
  return form.test(text);
}

/** A new key, which is nowhere but in what is returned. */
export function newApiKey(): { readonly apiKey: string; readonly keyId: string; readonly hash: Buffer } {
  const keyId = randomBytes(8).toString('hex');
  const apiKey = `ck_${keyId}_${randomBytes(32).toString('base64url')}`;
  return { apiKey, keyId, hash: hashOf(apiKey) };
}

export function keyIdIn(apiKey: string): string | null {
  return form.exec(apiKey)?.[1] ?? null;
}

/** In constant time. */
export function isKey(apiKey: string, hash: Buffer): boolean {
  return timingSafeEqual(hashOf(apiKey), hash);
}

export function hashOf(apiKey: string): Buffer {
  return createHash('sha256').update(apiKey).digest();
}
