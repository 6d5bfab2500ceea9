import { ConclaveError } from '../contract/errors';
import type { TokenFault } from './tokens';

export type Fault = TokenFault | 'unknown' | 'missing' | 'certificate';

const guesses: readonly string[] = ['malformed', 'unknown', 'signature', 'algorithm', 'unknown_key'] as const;

/** A credential that is not believed. */
export class RefusedCredential extends ConclaveError {
  /** Whoever shows what nobody has issued may be guessing; one that was good once, or is good elsewhere, was issued. */
  readonly isGuess: boolean;

  constructor(message: string, detail: string, fault: Fault) {
    super('UNAUTHORIZED', message, { detail });
    this.isGuess = guesses.includes(fault);
  }
}

interface Refusal {
  readonly message: string;
  readonly detail: string;
}

const invalidToken: Refusal = { message: 'the token is not valid', detail: 'token_invalid' };

/** What helps an honest caller; why a token is not believed beyond that is in the metrics. */
const refusals: Readonly<Partial<Record<Fault, Refusal>>> = {
  missing: {
    message: 'show an API key in X-API-Key, or a token in Authorization: Bearer',
    detail: 'credentials_missing',
  },
  malformed: { message: 'the credential cannot be read', detail: 'credential_malformed' },
  unknown: { message: 'the API key is unknown, expired or revoked', detail: 'unknown_credential' },
  certificate: {
    message: 'the certificate of the connection is not trusted any more, or has expired',
    detail: 'certificate_invalid',
  },
  expired: { message: 'the token has expired', detail: 'token_expired' },
  not_yet_valid: { message: 'the token is not valid yet', detail: 'token_not_yet_valid' },
  revoked: { message: 'the token is revoked', detail: 'token_revoked' },
};

export function refusalFor(fault: Fault): RefusedCredential {
  const { message, detail } = refusals[fault] ?? invalidToken;
  return new RefusedCredential(message, detail, fault);
}
