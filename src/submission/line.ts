import type { Priority } from '../contract/enums';
import { hasRoom, neverTurnedAway, nextRate, retryAfterSeconds } from '../domain/admission';
import { priorityKey } from '../domain/priority';

export interface LineOptions {
  /** Members a second that it can serve, until that is measured. */
  readonly perSecond: number;
  readonly cap: number;
}

/** Somebody in a {@link Line}. Whoever entered leaves once; `waitedMs` is how long that took by our doing. */
export interface Place {
  served(waitedMs: number): void;
  /** Nobody waits for this one any more. */
  gone(waitedMs: number): void;
}

const stretchMs = 500;
/** Longer ago there was silence in between, and the stretch says nothing. */
const silenceMs = 2000;
const pressedFrom = 0.5;

/** Members who wait to be served, and how quickly they are: the state behind src/domain/admission.ts. */
export class Line {
  readonly #tenants = new Map<string, number[]>();
  readonly #inside = [0, 0, 0, 0, 0];
  #perSecond: number;
  #pressed = false;
  #stretch;

  constructor(
    private readonly options: LineOptions,
    private readonly now: () => number,
  ) {
    this.#perSecond = options.perSecond;
    this.#stretch = this.#newStretch();
  }

  /** Members a second, as measured. */
  get perSecond(): number {
    return this.#perSecond;
  }

  get inside(): number {
    return sum(this.#inside);
  }

  /** Whether members have had to wait for long lately. */
  get pressed(): boolean {
    this.#roll();
    return this.#pressed;
  }

  /** Those who go before a newcomer are the more urgent ones and its equals. */
  hasRoom(tenantId: string, priority: Priority, allowedWaitMs: number): boolean {
    this.#roll();
    const until = priorityKey(priority) + 1;
    const ahead = sum(this.#inside.slice(0, until));
    const ofTenant = sum(this.#tenants.get(tenantId)?.slice(0, until) ?? []);
    const { cap } = this.options;
    return hasRoom({ ahead, ofTenant, perSecond: this.#perSecond, cap }, priority, allowedWaitMs);
  }

  turnAway(): void {
    this.#stretch.turnedAway++;
  }

  enter(tenantId: string, priority: Priority, allowedWaitMs: number): Place {
    this.#roll();
    const key = priorityKey(priority);
    this.#count(tenantId, key, 1);
    let inside = true;
    const leave = (served: number, waitedMs: number): void => {
      if (!inside) return;
      inside = false;
      this.#count(tenantId, key, -1);
      this.#stretch.left++;
      this.#stretch.served += served;
      this.#stretch.strain += waitedMs / Math.max(1, allowedWaitMs);
      this.#roll();
    };
    return { served: (waitedMs) => leave(1, waitedMs), gone: (waitedMs) => leave(0, waitedMs) };
  }

  /** Seconds after which all who stand before the door, let in or not, could have been served. */
  retryAfterSeconds(): number {
    return retryAfterSeconds(this.inside + this.#stretch.turnedAway, this.#perSecond);
  }

  #count(tenantId: string, key: number, by: 1 | -1): void {
    const ofTenant = this.#tenants.get(tenantId) ?? [0, 0, 0, 0, 0];
    this.#inside[key]! += by;
    ofTenant[key]! += by;
    if (sum(ofTenant) === 0) this.#tenants.delete(tenantId);
    else this.#tenants.set(tenantId, ofTenant);
  }

  #roll(): void {
    const { since, left, served, strain, turnedAway } = this.#stretch;
    const ms = this.now() - since;
    if (ms < stretchMs) return;
    const stuck = left === 0 && this.#pressed && this.inside > neverTurnedAway;
    this.#pressed = stuck || (left > 0 && ms < silenceMs && strain / left > pressedFrom);
    if (ms < silenceMs) {
      const stretch = { ms, served, pressed: this.#pressed, turnedAway: turnedAway > 0 };
      this.#perSecond = nextRate(this.#perSecond, stretch);
    }
    this.#stretch = this.#newStretch();
  }

  #newStretch() {
    return { since: this.now(), left: 0, served: 0, strain: 0, turnedAway: 0 };
  }
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
