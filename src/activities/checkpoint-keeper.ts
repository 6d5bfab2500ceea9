import type { DetectorResult } from '../contract/detector-result';
import type { Member } from '../contract/plan';
import type { Checkpoint, Checkpoints } from '../store/checkpoints';
import type { DetectorMemo } from './detector-memo';
import type { RunContext } from './types';

const leadMs = 50;

/**
 * Writes finished results of jobs to the store: those of a sync member from shortly before it may become one, all at
 * once, and each as it comes thereafter (design.md 7, 4).
 */
export class CheckpointKeeper {
  readonly #waiting = new Map<string, { timer: NodeJS.Timeout; checkpoints: Checkpoint[] }>();
  readonly #restored = new Map<string, Promise<void>>();

  constructor(
    private readonly store: Checkpoints,
    private readonly memo: DetectorMemo,
    private readonly now: () => number = Date.now,
  ) {}

  async keep(
    run: RunContext,
    tenantId: string,
    members: readonly Pick<Member, 'request_id' | 'mode' | 'convert_at'>[],
    results: ReadonlyMap<string, DetectorResult>,
  ): Promise<void> {
    const due: Checkpoint[] = [];
    for (const member of members) {
      const result = results.get(member.request_id);
      if (!result) continue;
      const checkpoint = { runId: run.run_id, tenantId, requestId: member.request_id, result };
      if (member.mode === 'async' || this.now() >= member.convert_at - leadMs) due.push(checkpoint);
      else this.#keepUntil(member.convert_at - leadMs, checkpoint);
    }
    await this.store.save(due);
  }

  /** Reads what an earlier life of the run has stored, once. */
  async restore(run: RunContext, tenantId: string): Promise<void> {
    if (this.memo.wasBornHere(run.run_id)) return;
    let restoring = this.#restored.get(run.run_id);
    if (!restoring) {
      restoring = this.#load(run.run_id, tenantId);
      this.#restored.set(run.run_id, restoring);
      restoring.catch(() => this.#restored.delete(run.run_id));
    }
    await restoring;
  }

  /** The run is published: nothing of it needs keeping. */
  forget(runId: string, detectors: readonly string[]): void {
    this.memo.settle(runId, detectors);
    const waiting = this.#waiting.get(runId);
    if (waiting) clearTimeout(waiting.timer);
    this.#waiting.delete(runId);
    this.#restored.delete(runId);
  }

  #keepUntil(at: number, checkpoint: Checkpoint): void {
    const waiting = this.#waiting.get(checkpoint.runId);
    if (waiting) {
      waiting.checkpoints.push(checkpoint);
      return;
    }
    const timer = setTimeout(() => this.#flush(checkpoint.runId), at - this.now()).unref();
    this.#waiting.set(checkpoint.runId, { timer, checkpoints: [checkpoint] });
  }

  #flush(runId: string): void {
    const waiting = this.#waiting.get(runId);
    this.#waiting.delete(runId);
    // Without a store there is no job to keep it for; the run's own history has the result too.
    if (waiting) this.store.save(waiting.checkpoints).catch(() => undefined);
  }

  async #load(runId: string, tenantId: string): Promise<void> {
    for (const { requestId, result } of await this.store.load(runId, tenantId)) {
      this.memo.remember(runId, result.detector, [[requestId, result]]);
    }
  }
}
