import { isSubstitute } from '../contract/detector-result';
import type { OrchestrationEnd } from '../contract/orchestration-end';
import { type DetectorUse, latencySteps, useStepMs } from '../contract/detector-use';

/** How detectors did since it was taken last, by steps of five minutes: what trends are made of. */
export class DetectorUses {
  #uses = new Map<string, DetectorUse>();

  /** @param ownerOf whose a tenant's detector of that name is; null: all share it */
  constructor(
    private readonly ownerOf: (tenantId: string, detector: string) => string | null,
    private readonly now: () => number = Date.now,
  ) {}

  ended({ tenantId, facts }: Pick<OrchestrationEnd, 'tenantId' | 'facts'>): void {
    for (const result of facts?.results ?? []) {
      const { detector, status, processing_time_ms: took } = result;
      if (status === 'skipped') continue;
      const use = this.#of(detector, this.ownerOf(tenantId, detector));
      use.calls += 1;
      if (status !== 'success' || isSubstitute(result)) use.failures += 1;
      // It took no time of the detector's.
      if (status === 'unavailable' || isSubstitute(result)) continue;
      use.total_ms += took;
      const step = latencySteps.findIndex((most) => took <= most);
      use.latencies[step === -1 ? latencySteps.length : step]! += 1;
    }
  }

  take(): DetectorUse[] {
    const taken = [...this.#uses.values()];
    this.#uses = new Map();
    return taken;
  }

  /** What could not be stored is tried again with what came meanwhile. */
  giveBack(uses: readonly DetectorUse[]): void {
    for (const use of uses) {
      const own = this.#uses.get(keyOf(use));
      if (!own) {
        this.#uses.set(keyOf(use), use);
        continue;
      }
      own.calls += use.calls;
      own.failures += use.failures;
      own.total_ms += use.total_ms;
      use.latencies.forEach((count, index) => (own.latencies[index]! += count));
    }
  }

  #of(detector: string, owner: string | null): DetectorUse {
    const since = Math.floor(this.now() / useStepMs) * useStepMs;
    const key = keyOf({ detector, owner, since });
    let use = this.#uses.get(key);
    if (!use) {
      const latencies = Array.from({ length: latencySteps.length + 1 }, () => 0);
      use = { detector, owner, since, calls: 0, failures: 0, total_ms: 0, latencies };
      this.#uses.set(key, use);
    }
    return use;
  }
}

function keyOf({ detector, owner, since }: Pick<DetectorUse, 'detector' | 'owner' | 'since'>): string {
  return `${since} ${owner ?? ''} ${detector}`;
}
