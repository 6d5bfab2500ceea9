import { ConclaveError } from '../contract/errors';
import type { Member } from '../contract/plan';

/** Items of one batch that may not share a run: so many run at a time (spec/orchestration.md 1.2). */
const places = 10;
/** How long those that may share wait for each other. */
const gatherMs = 20;

/** What the items of one batch know of each other: who may share a run boards together, who may not takes turns. */
export class Companions {
  readonly #absent: Set<string>;
  readonly #turns: (() => void)[] = [];
  #free = places;
  #gathered = false;
  #departures: (() => void)[] = [];
  #timer: NodeJS.Timeout | null = null;

  /**
   * @param requestIds of the items that are to run
   * @param patienceMs the largest SLA among them: so long may a job wait for a turn
   */
  constructor(
    requestIds: Iterable<string>,
    private readonly patienceMs: number,
  ) {
    this.#absent = new Set(requestIds);
  }

  /** Whether all are there, or those who are have waited long enough. */
  get gathered(): boolean {
    return this.#gathered;
  }

  whenGathered(depart: () => void): void {
    if (this.#gathered) depart();
    else this.#departures.push(depart);
  }

  /** The item has boarded, goes alone, or needs no run. */
  arrive(requestId: string): void {
    this.#absent.delete(requestId);
    if (this.#gathered) return;
    if (this.#absent.size === 0) this.#depart();
    else this.#timer ??= setTimeout(() => this.#depart(), gatherMs);
  }

  /**
   * A turn to run alone. What is to be answered in time waits for one until a third of its time is over, and then goes
   * without: the answer's time is promised, the number at a time is not.
   * @returns how to end the turn
   * @throws ConclaveError RATE_LIMITED (`overloaded`) for a job that got no turn before the batch is answered
   */
  async turnOf(member: Member): Promise<() => void> {
    this.arrive(member.request_id);
    const { mode, received_at: receivedAt, convert_at: convertAt } = member;
    const until = receivedAt + (mode === 'async' ? this.patienceMs : (convertAt - receivedAt) / 3);
    const place = await this.#takePlace(until);
    if (place) return place;
    if (mode === 'sync') return () => undefined;
    throw new ConclaveError('RATE_LIMITED', 'the job could not be started in time; try again', {
      detail: 'overloaded',
      retryAfterSeconds: 1,
    });
  }

  #depart(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#gathered = true;
    for (const depart of this.#departures) depart();
    this.#departures = [];
  }

  /** @returns how to leave it; null when none was free by `until` (epoch ms) */
  #takePlace(until: number): Promise<(() => void) | null> {
    const leave = (): void => this.#leavePlace();
    if (this.#free > 0) {
      this.#free--;
      return Promise.resolve(leave);
    }
    return new Promise((resolve) => {
      const enter = (): void => {
        clearTimeout(timer);
        resolve(leave);
      };
      const giveUp = (): void => {
        this.#turns.splice(this.#turns.indexOf(enter), 1);
        resolve(null);
      };
      const timer = setTimeout(giveUp, Math.max(0, until - Date.now()));
      this.#turns.push(enter);
    });
  }

  #leavePlace(): void {
    const next = this.#turns.shift();
    if (next) next();
    else this.#free++;
  }
}
