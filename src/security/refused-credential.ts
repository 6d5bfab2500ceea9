import { ConclaveError } from '../contract/errors';
import type { TokenFault } from './tokens';

const guesses: readonly string[] = ['malformed', 'unknown', 'signature', 'algorithm', 'unknown_key'] as const;

/** A credential that is not believed. */
export class RefusedCredential extends ConclaveError {
  /** Whoever shows what nobody has issued may be guessing; one that was good once, or is good elsewhere, was issued. */
  readonly isGuess: boolean;

  constructor(message: string, detail: string, fault: TokenFault | 'unknown' | 'missing') {
    super('UNAUTHORIZED', message, { detail });
    this.isGuess = guesses.includes(fault);
  }
}
