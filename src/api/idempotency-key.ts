import type { Request } from 'express';
import { ConclaveError } from '../contract/errors';

const keyPattern = /^[\x21-\x7e]{1,64}$/;

/** Null: the call has none. @throws ConclaveError INVALID_REQUEST `invalid_idempotency_key` */
export function idempotencyKeyOf(request: Request): string | null {
  const key = request.get('idempotency-key');
  if (key === undefined) return null;
  if (keyPattern.test(key)) return key;
  throw new ConclaveError('INVALID_REQUEST', 'the Idempotency-Key must be 1-64 visible ASCII characters', {
    detail: 'invalid_idempotency_key',
    fieldErrors: [
      { path: 'Idempotency-Key', message: 'must be 1-64 visible ASCII characters; a UUID is best' },
    ],
  });
}
