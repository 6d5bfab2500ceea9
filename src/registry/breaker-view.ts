import type { Breaker, BreakerCounts, BreakerTransition, StoredBreaker } from '../contract/breaker';
import {
  admits,
  type BreakerEvent,
  type BreakerSettings,
  countsTogether,
  initialBreaker,
  noCounts,
} from '../domain/breaker';
import { breakerAfter, breakerAfterAll } from '../domain/breaker-machine';

/** How long a trial that the store has not confirmed keeps the next one back. */
const patienceMs = 1000;

const nothing: { readonly events: readonly BreakerEvent[]; readonly counts: BreakerCounts } = {
  events: [],
  counts: noCounts,
};

/**
 * One breaker as this process sees it: what the store said last, and on top what happened here since and is not merged
 * yet. So decisions need nobody else, and all processes come to agree.
 */
export class BreakerView {
  #stored: Pick<StoredBreaker, 'breaker' | 'transitions' | 'counts'> = {
    breaker: initialBreaker,
    transitions: [],
    counts: noCounts,
  };
  #current: Breaker = initialBreaker;
  #pending: BreakerEvent[] = [];
  #counts: BreakerCounts = noCounts;
  #merging = nothing;

  constructor(
    readonly url: string,
    private readonly settings: () => BreakerSettings,
  ) {}

  get breaker(): Breaker {
    return this.#current;
  }

  get counts(): BreakerCounts {
    return countsTogether(this.#stored.counts, countsTogether(this.#merging.counts, this.#counts));
  }

  get transitions(): readonly BreakerTransition[] {
    const { transitions } = breakerAfterAll(this.#stored.breaker, this.#unmerged, this.settings());
    return [...this.#stored.transitions, ...transitions];
  }

  get hasNews(): boolean {
    return this.#pending.length > 0 || this.#counts !== noCounts;
  }

  /**
   * Whether a call may go. Other processes may be trying too: so that they never try more than one too many each, a
   * trial waits until the one before is known to all, unless the store cannot be reached.
   */
  admits(now: number): boolean {
    if (!admits(this.#current, now, this.settings())) return false;
    if (this.#current.state === 'closed') return true;
    return !this.#unmerged.some(({ type, at }) => type === 'trial' && now - at < patienceMs);
  }

  apply(event: BreakerEvent): void {
    const settled = isForgiving(this.#current, event, this.settings())
      ? this.#pending.filter((other) => !('epoch' in other && other.epoch === event.epoch))
      : this.#pending;
    this.#pending = withEvent(settled, event, this.settings());
    this.#current = breakerAfter(this.#current, event, this.settings());
  }

  count(change: Partial<BreakerCounts>): void {
    this.#counts = countsTogether(this.#counts, { ...noCounts, ...change });
  }

  /** Takes what happened here for all there is: there are no other processes. */
  settle(): void {
    this.#stored = { breaker: this.#current, transitions: this.transitions, counts: this.counts };
    [this.#pending, this.#counts] = [[], noCounts];
  }

  /** Hands over the news to be merged; until `merged` or `failed` they are neither lost nor handed over twice. */
  take(): { readonly events: readonly BreakerEvent[]; readonly counts: BreakerCounts } {
    this.#merging = { events: this.#pending, counts: this.#counts };
    [this.#pending, this.#counts] = [[], noCounts];
    return this.#merging;
  }

  merged(stored: StoredBreaker): void {
    this.#merging = nothing;
    this.learned(stored);
  }

  failed(): void {
    this.#pending = [...this.#unmerged];
    this.#counts = countsTogether(this.#merging.counts, this.#counts);
    this.#merging = nothing;
  }

  /** What is in the store now, whoever changed it. */
  learned(stored: StoredBreaker): void {
    if (stored.url !== this.url) return;
    this.#stored = stored;
    this.#current = breakerAfterAll(stored.breaker, this.#unmerged, this.settings()).breaker;
  }

  get #unmerged(): readonly BreakerEvent[] {
    const { events } = this.#merging;
    return events.length === 0 ? this.#pending : [...events, ...this.#pending];
  }
}

type Outcome = Extract<BreakerEvent, { epoch: number }>;

/** A success after which it does not matter what was before. */
function isForgiving(
  { state }: Breaker,
  event: BreakerEvent,
  { window_type }: BreakerSettings,
): event is Outcome {
  return event.type === 'success' && state === 'closed' && window_type === 'consecutive';
}

/** Outcomes of a kind that follow each other are one; so they stay few while the store is away. */
function withEvent(
  events: readonly BreakerEvent[],
  event: BreakerEvent,
  { window_type, window_seconds }: BreakerSettings,
): BreakerEvent[] {
  const last = events.at(-1);
  if (!last || !('epoch' in event) || !('epoch' in last)) return [...events, event];
  if (last.type !== event.type || last.epoch !== event.epoch) return [...events, event];
  const isSliding = window_type === 'sliding';
  if (isSliding && event.at - last.at >= Math.min(1000, window_seconds * 50)) return [...events, event];
  const at = isSliding ? last.at : event.at;
  return [...events.slice(0, -1), { ...last, at, count: last.count + event.count }];
}
