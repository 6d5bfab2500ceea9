import type { CircuitBreaker } from '../contract/upstream';
import type { CallOutcome } from '../domain/breaker';
import { isAmong } from '../domain/http-status';

/** What a status says of the upstream: a refusal of the request says nothing (spec/gateway.md 6). */
export function outcomeOf(status: number, { failure_statuses }: CircuitBreaker): CallOutcome {
  if (isAmong(status, failure_statuses)) return 'failure';
  return status >= 400 && status < 500 ? 'neutral' : 'success';
}
