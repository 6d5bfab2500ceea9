/** Why a call as a whole failed; the token stands at the head of `DetectorResult.error` (spec/orchestration.md 1.4). */
export type CallFailure =
  'http_4xx' | 'http_5xx' | 'network_error' | 'invalid_response' | 'overloaded' | 'attempt_timeout';

/** A detector call that gave no verdict. Its message is machine-built: no content, no text of the detector. */
export class DetectorCallError extends Error {
  override readonly name = 'DetectorCallError';
  constructor(
    readonly failure: CallFailure,
    message: string,
    readonly options: {
      /** Worth another attempt (spec/orchestration.md 4.4). */
      readonly retryable: boolean;
      /** The detector's own Retry-After. */
      readonly retryAfterMs?: number;
    },
  ) {
    super(message);
  }

  /** 4xx and 429 say nothing about the detector's health (spec/orchestration.md 4.4). */
  get countsForBreaker(): boolean {
    return this.failure !== 'http_4xx' && this.failure !== 'overloaded';
  }
}
