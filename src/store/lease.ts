/** How long what was claimed or opened is its owner's alone; later others may find it dead and take over (design.md 7, 19). */
const leaseMs = 5000;
/** For a start to reach the engine while the lease lasts. */
const startMarginMs = 1000;

/** The owner was held up for so long that another may have taken over: it must not start any more. */
class LeaseOverError extends Error {
  override readonly name = 'LeaseOverError';
  constructor() {
    super('the lease is over');
  }
}

/** When what was claimed at `since` may be taken over (both epoch ms). */
export function leaseEnd(since: number): number {
  return since + leaseMs;
}

/** @throws LeaseOverError when what was claimed at `since` (epoch ms) is too old to be started */
export function assertLease(since: number): void {
  if (Date.now() > leaseEnd(since) - startMarginMs) throw new LeaseOverError();
}
