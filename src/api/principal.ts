import type { Request } from 'express';
import { ConclaveError } from '../contract/errors';

const form = /^[\x21-\x7e]{1,100}$/;

/**
 * Who calls, for what must be known of a change. While there is no authentication it is who the caller says, and
 * everybody who says nothing is the same one.
 * @throws ConclaveError INVALID_REQUEST `invalid_principal_header`
 */
export function principalOf(request: Request): string {
  const named = request.get('x-principal');
  if (named === undefined) return 'anonymous';
  if (form.test(named)) return named;
  const message = 'must be 1-100 visible ASCII characters';
  throw new ConclaveError('INVALID_REQUEST', `X-Principal ${message}`, {
    detail: 'invalid_principal_header',
    fieldErrors: [{ path: 'X-Principal', message }],
  });
}
