import type {
  CustomSlotSupplier,
  SlotPermit,
  SlotReserveContext,
  WorkflowSlotInfo,
} from '@temporalio/worker';

/** While others need the machine a job begins only when this worker has no other in hand, or after this long. */
const yieldMs = 250;

interface JobPermit extends SlotPermit {
  readonly begins: boolean;
}

/**
 * How many jobs a worker has in hand: what it does not take stays in Temporal's queue, where priority and fairness
 * decide who is next. A job that was begun goes on unhindered.
 */
export class JobSlots implements CustomSlotSupplier<WorkflowSlotInfo> {
  readonly type = 'custom';
  #taken = 0;
  #lastAt = -Infinity;
  readonly #waiting = new Set<() => void>();

  /** @param pressed whether sync requests need what the process has */
  constructor(
    private readonly most: number,
    private readonly pressed: () => boolean,
    private readonly now: () => number,
  ) {}

  async reserveSlot({ isSticky }: SlotReserveContext, abort: AbortSignal): Promise<JobPermit> {
    if (isSticky) return { begins: false };
    while (!this.#free()) await this.#change(abort);
    return this.#take();
  }

  /** Jobs wait for their turn in the queue: none begins past it. */
  tryReserveSlot(): null {
    return null;
  }

  markSlotUsed(): void {
    // A permit counts from its reservation: who polls is about to begin.
  }

  releaseSlot({ permit }: { readonly permit: SlotPermit }): void {
    if (!(permit as JobPermit).begins) return;
    this.#taken--;
    for (const wake of [...this.#waiting]) wake();
  }

  #free(): boolean {
    if (this.#taken >= this.most) return false;
    return this.#taken === 0 || !this.pressed() || this.now() - this.#lastAt >= yieldMs;
  }

  #take(): JobPermit {
    this.#taken++;
    this.#lastAt = this.now();
    return { begins: true };
  }

  /** Resolves when a slot was released, or it is time to look again. */
  #change(abort: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        abort.removeEventListener('abort', aborted);
      };
      const wake = (): void => {
        end();
        resolve();
      };
      const aborted = (): void => {
        end();
        reject(abort.reason as Error);
      };
      const timer = setTimeout(wake, yieldMs);
      this.#waiting.add(wake);
      if (abort.aborted) aborted();
      else abort.addEventListener('abort', aborted);
    });
  }
}
