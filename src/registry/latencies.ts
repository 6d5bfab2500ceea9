import { durationEstimate } from '../domain/budget';

const remembered = 100;

/** Durations of the last successes of each detector, in ms: what projections are made of (spec/orchestration.md 4.2). */
export class Latencies {
  readonly #recent = new Map<string, number[]>();
  /** Valid until the next success: every request asks for them. */
  readonly #estimates = new Map<string, number>();

  record(detector: string, version: string, ms: number): void {
    const key = `${detector}@${version}`;
    const recent = this.#recent.get(key) ?? [];
    recent.push(ms);
    if (recent.length > remembered) recent.shift();
    this.#recent.set(key, recent);
    this.#estimates.clear();
  }

  estimate(detector: string, version: string, declaredAverageMs: number | null): number {
    const key = `${detector}@${version}/${declaredAverageMs}`;
    let estimate = this.#estimates.get(key);
    if (estimate === undefined) {
      estimate = durationEstimate(this.#recent.get(`${detector}@${version}`) ?? [], declaredAverageMs);
      this.#estimates.set(key, estimate);
    }
    return estimate;
  }
}
