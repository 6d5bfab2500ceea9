import type { FailureCause } from '../contract/enums';
import { causeOf } from '../domain/failure-cause';

/** Why a call as a whole failed; the token stands at the head of `DetectorResult.error` (spec/orchestration.md 1.4). */
export type CallFailure =
  | 'http_4xx'
  | 'http_5xx'
  | 'network_error'
  | 'invalid_response'
  | 'overloaded'
  | 'attempt_timeout'
  /** Nothing was sent: what this protocol needs beside the content was not there. */
  | 'plugin_error';

const notTheDetectors: ReadonlySet<CallFailure> = new Set(['http_4xx', 'overloaded', 'plugin_error']);

/** Credentials, address and method are wrong for every item alike. */
const aboutTheCaller: ReadonlySet<number> = new Set([401, 404, 405, 407]);

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
      /** HTTP status, where one was answered. */
      readonly status?: number;
      /** Where the failure itself does not say it. */
      readonly failureCause?: FailureCause;
    },
  ) {
    super(message);
  }

  /** What a policy decides upon. */
  get failureCause(): FailureCause | undefined {
    return this.options.failureCause ?? causeOf(this.failure, this.options.status);
  }

  /** 4xx and 429 say nothing about the detector's health (spec/orchestration.md 4.4). */
  get countsForBreaker(): boolean {
    return !notTheDetectors.has(this.failure);
  }

  /** Whether one item of a batch may have brought it about for all. */
  get mayBeOneItems(): boolean {
    if (this.failure === 'invalid_response') return true;
    const { status, retryable } = this.options;
    if (this.failure === 'http_4xx') return !retryable && !aboutTheCaller.has(status ?? 0);
    return status === 500;
  }

  /** The same, and no further attempt is worth it. */
  forGood(): DetectorCallError {
    return new DetectorCallError(this.failure, this.message, { ...this.options, retryable: false });
  }
}
