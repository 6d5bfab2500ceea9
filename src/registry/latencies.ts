import { durationEstimate } from '../domain/budget';

const remembered = 100;

/** Durations of the last successes of each detector, in ms: what projections are made of (spec/orchestration.md 4.2). */
export class Latencies {
  readonly #recent = new Map<string, number[]>();

  record(detector: string, version: string, ms: number): void {
    const key = `${detector}@${version}`;
    const recent = this.#recent.get(key) ?? [];
    recent.push(ms);
    if (recent.length > remembered) recent.shift();
    this.#recent.set(key, recent);
  }

  estimate(detector: string, version: string, declaredAverageMs: number | null): number {
    return durationEstimate(this.#recent.get(`${detector}@${version}`) ?? [], declaredAverageMs);
  }
}
