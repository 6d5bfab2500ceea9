/** Something that went against the rules. */
export interface Denial {
  readonly tenantId: string;
  readonly kind: string;
  readonly requestId: string;
  /** What equal ones have in common. */
  readonly record: Readonly<Record<string, unknown>>;
  /** What is of this one alone. */
  readonly own?: Readonly<Record<string, unknown>>;
}

interface Repeated {
  readonly denial: Denial;
  lastRequestId: string;
  times: number;
  readonly firstAt: number;
  lastAt: number;
}

export interface DenialsDependencies {
  readonly write: (denial: Denial) => void;
  readonly now?: () => number;
}

const windowMs = 60_000;
/** Different ones of a tenant in a window, and of all. */
const mostOfTenant = 100;
const mostOfAll = 10_000;

/**
 * Denials come in storms, and whoever is denied is nobody yet. So of equal ones the first is written at once, and those that
 * follow within the minute together when it is over; too many different ones are only counted, by kind.
 */
export class Denials {
  #repeated = new Map<string, Repeated>();
  /** Different ones, by tenant. */
  #different = new Map<string, number>();
  #timer: NodeJS.Timeout | null = null;
  readonly #now: () => number;

  constructor(private readonly deps: DenialsDependencies) {
    this.#now = deps.now ?? Date.now;
  }

  note(denial: Denial): void {
    this.#timer ??= setTimeout(() => this.flush(), windowMs).unref();
    const { tenantId, kind, record, requestId } = denial;
    const key = JSON.stringify([tenantId, kind, record]);
    const known = this.#repeated.get(key);
    if (known) again(known, requestId, this.#now());
    else if (this.#hasRoom(tenantId)) {
      this.#different.set(tenantId, (this.#different.get(tenantId) ?? 0) + 1);
      this.#repeated.set(key, this.#begun(denial, 0));
      this.deps.write(denial);
    } else this.#countOnly(denial);
  }

  /** Writes what has been counted. */
  flush(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    const counted = [...this.#repeated.values()];
    this.#repeated = new Map();
    this.#different = new Map();
    for (const { denial, times, firstAt, lastAt, lastRequestId: requestId } of counted) {
      if (times === 0) continue;
      const { tenantId, kind } = denial;
      const span = { first_at: new Date(firstAt).toISOString(), last_at: new Date(lastAt).toISOString() };
      this.deps.write({ tenantId, kind, requestId, record: { ...denial.record, repeated: times, ...span } });
    }
  }

  #hasRoom(tenantId: string): boolean {
    return (this.#different.get(tenantId) ?? 0) < mostOfTenant && this.#repeated.size < mostOfAll;
  }

  /** Kinds are few, and so are tenants: they are those of credentials that are good. */
  #countOnly(denial: Denial): void {
    const key = JSON.stringify([denial.tenantId, denial.kind]);
    const known = this.#repeated.get(key);
    if (known) again(known, denial.requestId, this.#now());
    else this.#repeated.set(key, this.#begun({ ...denial, record: { various: true } }, 1));
  }

  #begun(denial: Denial, times: number): Repeated {
    const now = this.#now();
    return { denial, lastRequestId: denial.requestId, times, firstAt: now, lastAt: now };
  }
}

function again(repeated: Repeated, requestId: string, now: number): void {
  repeated.times++;
  repeated.lastAt = now;
  repeated.lastRequestId = requestId;
}
