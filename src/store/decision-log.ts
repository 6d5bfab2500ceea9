import type { LoggedDecision } from '../contract/decision-log';

export interface DecisionLogSettings {
  /** Decisions that may wait for the store, and characters of theirs. Default 20,000 and 20 million. */
  readonly maxWaiting?: number;
  readonly maxWaitingChars?: number;
  /** How long decisions are gathered before they are written, and a failed write is put off. */
  readonly gatherMs?: number;
  readonly retryMs?: number;
  readonly log: { error(fields: object, message: string): void };
}

const maxRows = 500;

/**
 * Writes decisions down off the hot path: who decides does not wait. What waits when the process is killed is
 * gone (the audit record still has the decisions themselves); what the store does not take in time is dropped, counted and
 * reported, never in silence (ADR 15).
 */
export class DecisionLog {
  #waiting: { readonly decision: LoggedDecision; readonly chars: number }[] = [];
  #waitingChars = 0;
  #timer: NodeJS.Timeout | null = null;
  #flushing: Promise<void> = Promise.resolve();
  #stopped = false;
  #dropped = 0;

  constructor(
    private readonly write: (decisions: readonly LoggedDecision[]) => Promise<void>,
    private readonly settings: DecisionLogSettings,
  ) {}

  note(decision: LoggedDecision): void {
    const { maxWaiting = 20_000, maxWaitingChars = 20_000_000 } = this.settings;
    const chars = JSON.stringify(decision).length;
    if (this.#waiting.length >= maxWaiting || this.#waitingChars + chars > maxWaitingChars)
      this.#dropped += 1;
    else {
      this.#waiting.push({ decision, chars });
      this.#waitingChars += chars;
    }
    this.#schedule(this.settings.gatherMs ?? 100);
  }

  /** Resolves when all that was noted before is written. */
  flush(): Promise<void> {
    const flushed = this.#flushing.then(() => this.#writeWaiting());
    this.#flushing = flushed.catch(() => undefined);
    return flushed;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
    await this.flush().catch((error: unknown) => {
      const lost = this.#waiting.length + this.#dropped;
      this.settings.log.error({ error, lost }, 'decisions could not be written to the decision log');
    });
  }

  #schedule(ms: number): void {
    if (this.#timer || this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      // The store may be away; what comes meanwhile waits, as long as there is room.
      this.flush().catch(() => this.#schedule(this.settings.retryMs ?? 1000));
    }, ms).unref();
  }

  async #writeWaiting(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, maxRows);
      await this.write(batch.map(({ decision }) => decision));
      this.#waiting.splice(0, batch.length);
      for (const { chars } of batch) this.#waitingChars -= chars;
    }
    if (this.#dropped === 0) return;
    const dropped = this.#dropped;
    this.#dropped = 0;
    this.settings.log.error({ dropped }, 'decisions found no room in the decision log and were dropped');
  }
}
