import { type ErrorResponse, orchestrationResponseSchema } from '../../../src/contract/answer';
import { canonicalErrors, type ErrorCode, errorCodes } from '../../../src/contract/errors';
import { expectContractError } from '../../support/contract-error';
import { eventually } from '../../support/eventually';
import { type Behavior, hangs, status } from '../../support/fake-detectors';
import { beginStoreOutage, endStoreOutage } from '../../support/store-outage';
import { type BundleFixture, type HttpAnswer, System } from '../../support/system';
import { patience } from '../../support/patience';

const denyAll = `package orchestration

selection := {"selected_detectors": [], "selection_reason": "closed", "allow": false}
`;

/** Detectors whose distinct outputs of 3 KB outgrow together the 64 KB of a mapper payload. */
const verbose = Array.from({ length: 12 }, (_, index) => `verbose-${index}`);
const longWinded: Behavior = ({ headers }, response) => {
  const index = Number(/verbose-(\d+)$/.exec(String(headers['idempotency-key']))?.[1]);
  const output = String.fromCodePoint(0x4e00 + index).repeat(1024);
  response
    .writeHead(200, { 'content-type': 'application/json' })
    .end(JSON.stringify({ output, confidence: 0.9 }));
};

function bundle(
  required: readonly string[],
  more: BundleFixture['policy'] = {},
  selection?: string,
): BundleFixture {
  return {
    policy: { required_detectors: [...required], ...more },
    ...(selection === undefined ? {} : { rego: { 'selection.rego': selection } }),
  };
}

let system: System;
beforeAll(async () => {
  system = await System.start({
    env: patience,
    detectors: [
      'a',
      'b',
      { name: 'gone', endpoint: 'http://127.0.0.1:1' },
      ...verbose.map((name) => ({ name, protocol: 'conclave' as const })),
    ],
    policies: {
      'demo/default': bundle(['a', 'b']),
      'demo/closed': bundle(['a'], {}, denyAll),
      'demo/limited': bundle(['a'], { rate_limit_per_minute: 1 }),
      'demo/patient': bundle(['a'], { allow_async_conversion: false }),
      'demo/unreachable': bundle(['gone']),
      'demo/verbose': bundle(verbose),
    },
  });
});
afterAll(() => system?.stop());

describe('Canonical errors', () => {
  beforeEach(() => system.detectors.reset());

  const provoke: Record<ErrorCode, () => Promise<HttpAnswer<unknown>>> = {
    INVALID_REQUEST: () => system.orchestrate({ content: 5 }),
    POLICY_NOT_FOUND: () => system.orchestrate({ policy_bundle: 'nowhere' }),
    UNAUTHORIZED: () => system.orchestrate({}, { 'X-API-Key': 'key-of-nobody' }),
    INSUFFICIENT_RBAC: () => system.orchestrate({ policy_bundle: 'closed' }),
    RATE_LIMITED: async () => {
      await system.orchestrate({ policy_bundle: 'limited' });
      return system.orchestrate({ policy_bundle: 'limited' });
    },
    PARTIAL_COVERAGE: () => {
      system.detectors.behave('b', status(400));
      return system.orchestrate();
    },
    REQUEST_TIMEOUT: () => {
      system.detectors.behave('a', hangs);
      return system.orchestrate({ policy_bundle: 'patient', priority: 'critical' });
    },
    DETECTOR_OVERLOADED: () => {
      system.detectors.behave('a', status(429)).behave('b', status(429));
      return system.orchestrate();
    },
    ALL_DETECTORS_UNAVAILABLE: () => system.orchestrate({ policy_bundle: 'unreachable' }),
    DETECTOR_COMMUNICATION_FAILED: () => {
      system.detectors.behave('a', status(400)).behave('b', status(400));
      return system.orchestrate();
    },
    AGGREGATION_FAILED: () => {
      for (const name of verbose) system.detectors.behave(name, longWinded);
      return system.orchestrate({ policy_bundle: 'verbose' });
    },
    INTERNAL_ERROR: async () => {
      await beginStoreOutage(system);
      return system.orchestrate().finally(() => endStoreOutage(system));
    },
  };

  /** Those after which a partial answer is shown (R14); a 206 is such an answer itself. */
  const afterExecution: readonly ErrorCode[] = [
    'REQUEST_TIMEOUT',
    'DETECTOR_OVERLOADED',
    'ALL_DETECTORS_UNAVAILABLE',
    'DETECTOR_COMMUNICATION_FAILED',
    'AGGREGATION_FAILED',
  ];

  it.each(errorCodes.filter((code) => code !== 'PARTIAL_COVERAGE'))(
    'answers %s with its status, both flags and every member of the error body [C.4] [11.3]',
    async (code) => {
      const answer = await provoke[code]();
      const { response } = expectContractError(answer, { code });
      if (afterExecution.includes(code)) {
        expect(orchestrationResponseSchema.parse(response).error_code).toBe(code);
        expect(response!.fallback_used).toBe(true);
      } else {
        expect(response).toBeNull();
      }
    },
  );

  it('answers PARTIAL_COVERAGE as a 206 that holds the results [C.4] [11.3]', async () => {
    const { status: code, body } = await provoke.PARTIAL_COVERAGE();
    const response = orchestrationResponseSchema.parse(body);
    expect([code, response.error_code, response.fallback_used]).toEqual([206, 'PARTIAL_COVERAGE', true]);
    expect(canonicalErrors.PARTIAL_COVERAGE).toEqual({ status: 206, retryable: false, fallbackUsed: true });
    expect(response.detector_results).toHaveLength(2);
    expect(response.aggregated_payload).not.toBeNull();
  });

  it('names the limit, what is left of it and when it ends, and counts each bundle for itself', async () => {
    const answer = await eventually(
      () => system.orchestrate<ErrorResponse>({ policy_bundle: 'limited' }),
      ({ status: code }) => code === 403,
    );
    const { retry_after_seconds: wait } = expectContractError(answer, { code: 'RATE_LIMITED' });
    expect(wait).toBeGreaterThanOrEqual(1);
    expect(wait).toBeLessThanOrEqual(60);
    expect(answer.headers.get('retry-after')).toBe(String(wait));
    for (const prefix of ['RateLimit', 'X-RateLimit']) {
      expect(answer.headers.get(`${prefix}-Limit`)).toBe('1');
      expect(answer.headers.get(`${prefix}-Remaining`)).toBe('0');
      expect(Number(answer.headers.get(`${prefix}-Reset`))).toBeLessThanOrEqual(60);
    }
    const other = await system.orchestrate();
    expect(other.headers.get('ratelimit-limit')).toBe('100000');
  });

  it('says policy_denied when Rego allows nothing, and calls nobody', async () => {
    expectContractError(await provoke.INSUFFICIENT_RBAC(), {
      code: 'INSUFFICIENT_RBAC',
      detail: 'policy_denied',
    });
    expect(system.detectors.calls).toHaveLength(0);
  });

  it('sends Retry-After with DETECTOR_OVERLOADED', async () => {
    const answer = await provoke.DETECTOR_OVERLOADED();
    expect(expectContractError(answer, { code: 'DETECTOR_OVERLOADED' }).retry_after_seconds).toBe(1);
    expect(answer.headers.get('retry-after')).toBe('1');
  });

  it('judges again once the store is back', async () => {
    await provoke.INTERNAL_ERROR();
    const answer = await eventually(
      () => system.orchestrate(),
      ({ status: code }) => code === 200,
    );
    expect(answer.body.detectors_succeeded).toBe(2);
  });
});

describe('Unknown routes', () => {
  it.each([
    ['GET', '/nothing-here'],
    ['POST', '/nothing-here'],
    ['GET', '/orchestrate'],
    ['PUT', '/orchestrate'],
    ['DELETE', '/orchestrate'],
    ['PATCH', '/orchestrate'],
    ['POST', '/orchestrate/status/job-x'],
    ['PUT', '/detectors'],
    ['POST', '/detectors/a'],
    ['POST', '/health'],
    ['POST', '/openapi.json'],
    ['GET', '/docs/assets/nothing.js'],
    ['GET', '/orchestrate/status/'],
  ])('answers 404 with the contract body to %s %s', async (method, route) => {
    const body = ['POST', 'PUT', 'PATCH'].includes(method) ? system.body() : undefined;
    expectContractError(await system.request(method, route, body), {
      status: 404,
      detail: 'route_not_found',
    });
  });

  it.each(['/docs/assets/..%2f..%2fpackage.json', '/../../etc/passwd'])(
    'answers 400 to a way out at %s [F.5]',
    async (route) => {
      expectContractError(await system.request('GET', route), { detail: 'waf_blocked', paths: ['path'] });
    },
  );

  it('answers 400 to a path that is not well-formed', async () => {
    for (const route of ['/detectors/%zz', '/orchestrate/status/%c3%28']) {
      expectContractError(await system.request('GET', route), { detail: 'malformed_path' });
    }
  });

  it('answers HEAD like GET, without the body', async () => {
    const response = await fetch(`${system.url}/api/v1/health/live`, { method: 'HEAD' });
    expect(response.status).toBe(200);
  });
});
