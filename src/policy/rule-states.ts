import { LRUCache } from 'lru-cache';
import type { DecisionName } from './bundle';

/** After so many traps or overruns in a row a bundle's rule is not asked for a while (spec/orchestration.md 9.3). */
const failuresToSkip = 3;
const skipMs = 10_000;
/** For so long a rule that took too long in process is asked in a thread. */
const heavyMs = 60_000;
const rememberedRules = 5000;

/** How asking one rule has gone. */
class RuleState {
  #failuresInRow = 0;
  #skipUntil = -Infinity;
  #heavyUntil = -Infinity;

  constructor(
    private readonly now: () => number,
    private readonly mayBeSkipped: boolean,
  ) {}

  get isSkipped(): boolean {
    return this.mayBeSkipped && this.now() < this.#skipUntil;
  }

  get isHeavy(): boolean {
    return this.now() < this.#heavyUntil;
  }

  heavy(): void {
    this.#heavyUntil = this.now() + heavyMs;
  }

  failed(): void {
    this.#failuresInRow += 1;
    if (this.#failuresInRow >= failuresToSkip) this.#skipUntil = this.now() + skipMs;
  }

  succeeded(): void {
    this.#failuresInRow = 0;
  }
}

export class RuleStates {
  readonly #states = new LRUCache<string, RuleState>({ max: rememberedRules });

  constructor(
    private readonly now: () => number,
    private readonly skipsFailing = true,
  ) {}

  of(bundleDigest: string, decision: DecisionName): RuleState {
    const key = `${bundleDigest}/${decision}`;
    const known = this.#states.get(key);
    if (known) return known;
    const fresh = new RuleState(this.now, this.skipsFailing);
    this.#states.set(key, fresh);
    return fresh;
  }
}
