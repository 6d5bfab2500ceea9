import { canonicalErrors } from '../../../src/contract/errors';

describe('The table of canonical errors', () => {
  it('is the locked one [C.4]', () => {
    const rows = Object.entries(canonicalErrors).map(
      ([code, { status, retryable, fallbackUsed }]) => `${code} ${status} ${retryable} ${fallbackUsed}`,
    );
    expect(rows).toEqual([
      'INVALID_REQUEST 400 false false',
      'POLICY_NOT_FOUND 400 false false',
      'UNAUTHORIZED 401 false false',
      'INSUFFICIENT_RBAC 403 false false',
      'RATE_LIMITED 403 true false',
      'PARTIAL_COVERAGE 206 false true',
      'REQUEST_TIMEOUT 408 true true',
      'DETECTOR_OVERLOADED 429 true true',
      'ALL_DETECTORS_UNAVAILABLE 502 true true',
      'DETECTOR_COMMUNICATION_FAILED 502 true true',
      'AGGREGATION_FAILED 500 false true',
      'INTERNAL_ERROR 500 false true',
    ]);
  });
});
