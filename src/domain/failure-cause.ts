import type { DetectorErrorToken, FailureCause } from '../contract/enums';

const byToken: Readonly<Partial<Record<DetectorErrorToken, FailureCause>>> = {
  http_4xx: 'bad_request',
  http_5xx: 'outage',
  network_error: 'outage',
  invalid_response: 'unparsable',
  overloaded: 'overload',
  attempt_timeout: 'timeout',
  request_deadline: 'timeout',
  unhealthy: 'outage',
  circuit_open: 'outage',
  disabled: 'outage',
};

const byStatus: ReadonlyMap<number, FailureCause> = new Map([
  [401, 'credentials'],
  [403, 'credentials'],
  [407, 'credentials'],
  [408, 'timeout'],
  [429, 'overload'],
  [504, 'timeout'],
  [529, 'overload'],
]);

/**
 * Why a detector gave no answer, for a policy to decide upon. Undefined where it was not asked, or the fault is ours.
 * @param httpStatus where one was answered; it says more than the token
 */
export function causeOf(token: DetectorErrorToken, httpStatus?: number): FailureCause | undefined {
  const byAnswer = token.startsWith('http_') ? byStatus.get(httpStatus ?? 0) : undefined;
  return byAnswer ?? byToken[token];
}
