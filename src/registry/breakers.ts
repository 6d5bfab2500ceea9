import {
  admit,
  type AttemptOutcome,
  type Breaker,
  type BreakerSettings,
  initialBreaker,
  recordBreaker,
} from '../domain/breaker';

/** One breaker per detector version (spec/orchestration.md 4.4), in the memory of this process. */
export class Breakers {
  readonly #breakers = new Map<string, Breaker>();

  constructor(
    private readonly settings: BreakerSettings,
    private readonly now: () => number = Date.now,
  ) {}

  of(detector: string, version: string): Breaker {
    return this.#breakers.get(`${detector}@${version}`) ?? initialBreaker;
  }

  /** Asks for one attempt; one that is admitted must be recorded. */
  admit(detector: string, version: string): boolean {
    const { admitted, state } = admit(this.of(detector, version), this.now(), this.settings);
    this.#breakers.set(`${detector}@${version}`, state);
    return admitted;
  }

  record(detector: string, version: string, outcome: AttemptOutcome): void {
    const state = recordBreaker(this.of(detector, version), outcome, this.now(), this.settings);
    this.#breakers.set(`${detector}@${version}`, state);
  }
}
