import type { CircuitBreaker } from '../contract/upstream';
import type { CallOutcome } from '../domain/breaker';

/** What a status says of the upstream: a refusal of the request says nothing (spec/gateway.md 6). */
export function outcomeOf(status: number, { failure_statuses }: CircuitBreaker): CallOutcome {
  const failed = failure_statuses.some((one) =>
    typeof one === 'number' ? one === status : one[0] === String(status)[0],
  );
  if (failed) return 'failure';
  return status >= 400 && status < 500 ? 'neutral' : 'success';
}
