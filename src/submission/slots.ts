/** Few runs in flight: more were slower (design.md 7, 9). */
export const slotCount = 2;
/** So long a run holds its slot at most: hung detectors block nobody. */
const holdMs = 400;
const longestSpacingMs = 50;
/** Weight of the last flight in the moving average. */
const newest = 0.2;

interface Flight {
  readonly tenantId: string;
  readonly departedAt: number;
  readonly unanswered: Set<string>;
  readonly overdue: NodeJS.Timeout;
}

/**
 * The slots that shared runs fly in. A run gives its slot back when all its members are answered, or when it is overdue;
 * runs of one tenant depart at intervals, so that two alternate instead of one member taking a slot from all the others.
 */
export class Slots {
  readonly #flights = new Map<string, Flight>();
  readonly #departures = new Map<string, number>();
  #flightMs = 0;

  constructor(private readonly onFree: () => void) {}

  get free(): number {
    return slotCount - this.#flights.size;
  }

  heldBy(tenantId: string): number {
    return [...this.#flights.values()].filter((flight) => flight.tenantId === tenantId).length;
  }

  /** Ms until a run of this tenant may depart: at once when it has none in flight. */
  delayOf(tenantId: string): number {
    if (this.heldBy(tenantId) === 0) return 0;
    const spacing = Math.min(this.#flightMs / slotCount, longestSpacingMs);
    return Math.max(0, this.#departures.get(tenantId)! + spacing - performance.now());
  }

  take(runId: string, tenantId: string, requestIds: readonly string[]): void {
    const departedAt = performance.now();
    this.#departures.set(tenantId, departedAt);
    const overdue = setTimeout(() => this.giveBack(runId), holdMs).unref();
    this.#flights.set(runId, { tenantId, departedAt, unanswered: new Set(requestIds), overdue });
  }

  answered(runId: string, requestId: string): void {
    const flight = this.#flights.get(runId);
    if (!flight) return;
    flight.unanswered.delete(requestId);
    if (flight.unanswered.size > 0) return;
    this.#flightMs += newest * (performance.now() - flight.departedAt - this.#flightMs);
    this.giveBack(runId);
  }

  giveBack(runId: string): void {
    const flight = this.#flights.get(runId);
    if (!flight) return;
    clearTimeout(flight.overdue);
    this.#flights.delete(runId);
    if (this.heldBy(flight.tenantId) === 0) this.#departures.delete(flight.tenantId);
    this.onFree();
  }
}
