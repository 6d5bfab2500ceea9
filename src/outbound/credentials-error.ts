/** Credentials that cannot be had; names references and addresses, never a value. */
export class CredentialsError extends Error {
  override readonly name = 'CredentialsError';
  constructor(
    message: string,
    /** It may be otherwise in a moment: what keeps or issues them did not answer. */
    readonly retryable = false,
  ) {
    super(message);
  }
}
