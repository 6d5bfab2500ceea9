import type { DetectorResult } from '../../../src/contract/detector-result';
import {
  type Behavior,
  breaksOff,
  closes,
  drips,
  FakeDetectors,
  findings,
  flags,
  floods,
  hangs,
  inTurn,
  raw,
  status,
} from '../../support/fake-detectors';
import { patience } from '../../support/patience';
import { System } from '../../support/system';

interface Fault {
  readonly name: string;
  readonly behavior: Behavior;
  readonly status: 'failed' | 'timeout';
  readonly error: string;
  /** 3 where another attempt is worth it: the default is 2 retries. */
  readonly attempts: 1 | 3;
}

const spaceman = '👩‍🚀';
const content = `${spaceman} says a thing`;
const answer = (body: unknown) => raw(JSON.stringify(body));
const finding = { start: 0, end: 1, detection: 'toxic', detection_type: 'test', score: 0.9 };

const garbage = (name: string, behavior: Behavior): Fault => ({
  name,
  behavior,
  status: 'failed',
  error: 'invalid_response',
  attempts: 1,
});

const faults: readonly Fault[] = [
  garbage('html', raw('<html><body>Welcome</body></html>', 'text/html')),
  garbage('html-as-json', raw('<html><body>Welcome</body></html>')),
  garbage('wrong-content-type', raw('[[]]', 'text/plain')),
  garbage('no-content-type', (_call, response) => void response.writeHead(200).end('[[]]')),
  garbage('invalid-utf8', raw(Buffer.from([0x5b, 0x5b, 0x22, 0xff, 0xfe, 0x22, 0x5d, 0x5d]))),
  garbage('empty', raw('')),
  garbage('truncated-json', raw('[[{"start":0,"end":1,"detec')),
  garbage('not-a-list', answer({ clean: true })),
  garbage('null', answer(null)),
  garbage('no-result', answer([])),
  garbage('two-results', answer([[], []])),
  garbage('flat-result', answer([finding])),
  garbage('no-label', answer([[{ ...finding, detection: '' }]])),
  garbage('no-score', answer([[{ ...finding, score: undefined }]])),
  garbage('nan-score', raw('[[{"start":0,"end":1,"detection":"toxic","detection_type":"t","score":NaN}]]')),
  garbage(
    'infinite-score',
    raw('[[{"start":0,"end":1,"detection":"toxic","detection_type":"t","score":1e999}]]'),
  ),
  garbage('text-score', answer([[{ ...finding, score: '0.9' }]])),
  garbage('negative-span', answer([[{ ...finding, start: -1 }]])),
  garbage('backward-span', answer([[{ ...finding, start: 2, end: 1 }]])),
  // Inside the text when counted in UTF-16 units, outside in code points.
  garbage('span-in-utf16', answer([[{ ...finding, end: content.length }]])),
  garbage('no-content', (_call, response) => void response.writeHead(204).end()),
  garbage('redirect', status(302, { location: '/health' })),
  { name: 'bad-request', behavior: status(400), status: 'failed', error: 'http_4xx', attempts: 1 },
  { name: 'unauthorized', behavior: status(401), status: 'failed', error: 'http_4xx', attempts: 1 },
  { name: 'not-found', behavior: status(404), status: 'failed', error: 'http_4xx', attempts: 1 },
  { name: 'request-timeout', behavior: status(408), status: 'failed', error: 'http_4xx', attempts: 3 },
  {
    name: 'overloaded',
    behavior: status(429, { 'retry-after': '0' }),
    status: 'failed',
    error: 'overloaded',
    attempts: 3,
  },
  { name: 'server-error', behavior: status(500), status: 'failed', error: 'http_5xx', attempts: 3 },
  { name: 'service-unavailable', behavior: status(503), status: 'failed', error: 'http_5xx', attempts: 3 },
  { name: 'closes', behavior: closes, status: 'failed', error: 'network_error', attempts: 3 },
  { name: 'breaks-off', behavior: breaksOff, status: 'failed', error: 'network_error', attempts: 3 },
  { name: 'hangs', behavior: hangs, status: 'timeout', error: 'attempt_timeout', attempts: 3 },
  { name: 'drips', behavior: drips(20), status: 'timeout', error: 'attempt_timeout', attempts: 3 },
];

const flaky = ['flaky-500', 'flaky-429', 'flaky-socket', 'flaky-hang'] as const;
const others = ['flood', 'flood-500', 'impatient', 'unfitting', 'flaky-500', 'flaky-429', 'flaky-socket'];

describe('A detector that misbehaves', () => {
  let system: System;
  const mortal = new FakeDetectors();

  beforeAll(async () => {
    const url = await mortal.listen();
    system = await System.start({
      parts: ['api'],
      env: patience,
      detectors: [
        'steady',
        ...faults.map(({ name, status: is }) => ({ name, ...(is === 'timeout' && { timeout_ms: 200 }) })),
        ...others,
        { name: 'flaky-hang', timeout_ms: 1000 },
        { name: 'dead', endpoint: url },
      ],
      policies: { 'demo/default': { policy: { required_detectors: ['steady'] } } },
    });
    // It was healthy when it was probed; nobody listens there now.
    await mortal.close();
  });
  afterAll(() => system?.stop());

  async function ask(detector: string) {
    const sent = await system.orchestrate({ content, required_detectors: [detector] });
    const results = new Map(sent.body.detector_results.map((result) => [result.detector, result]));
    return { ...sent, result: results.get(detector)!, steady: results.get('steady')! };
  }

  const attemptsOf = (result: DetectorResult) => result.metadata?.['attempts'];

  it.each(faults)(
    '$name is $status with $error, never clean, and spoils no other [6.2]',
    async ({ name, behavior, status: expected, error, attempts }) => {
      system.detectors.behave(name, behavior);
      const { status: httpStatus, body, result, steady } = await ask(name);
      expect(result).toMatchObject({ status: expected, output: null, confidence: null, findings: [] });
      expect(result.error?.split(':')[0]).toBe(error);
      expect(attemptsOf(result)).toBe(attempts);
      expect(system.detectors.callsOf(name)).toHaveLength(attempts);
      expect(steady).toMatchObject({ status: 'success', output: 'clean' });
      expect(httpStatus).toBe(206);
      expect(body).toMatchObject({ error_code: 'PARTIAL_COVERAGE', coverage_achieved: 0.5 });
    },
  );

  it('that is dead (connection refused) is failed with network_error [6.2]', async () => {
    const { status: httpStatus, result, steady } = await ask('dead');
    expect(result).toMatchObject({ status: 'failed', output: null, metadata: { attempts: 3 } });
    expect(result.error).toMatch(/^network_error\b/);
    expect(steady.status).toBe('success');
    expect(httpStatus).toBe(206);
  });

  it.each([200, 500])('that answers %s without end is cut off, in bounded memory', async (code) => {
    const name = code === 200 ? 'flood' : 'flood-500';
    const { behavior, written } = floods(code);
    system.detectors.behave(name, behavior);
    const { result, steady } = await ask(name);
    expect(result.error).toMatch(code === 200 ? /^invalid_response\b/ : /^http_5xx\b/);
    expect(steady.status).toBe('success');
    // Per attempt: the limit of 4 MiB, and what fits into the buffers of two sockets.
    expect(written()).toBeLessThan(16 * 1024 * 1024 * Number(attemptsOf(result)));
  });

  it('leaves neither its words nor the content in the error', async () => {
    const words = `${content} in the words of the detector`;
    system.detectors.behave('bad-request', raw(JSON.stringify({ message: words }), 'application/json', 400));
    const { result } = await ask('bad-request');
    expect(result.error).toBe('http_4xx: the detector answered 400');
  });

  describe('and then recovers', () => {
    const faultOf: Record<(typeof flaky)[number], Behavior> = {
      'flaky-500': status(500),
      'flaky-429': status(429, { 'retry-after': '0' }),
      'flaky-socket': closes,
      'flaky-hang': hangs,
    };

    it.each(flaky)('%s is asked again, with the same Idempotency-Key, and judged [3.1]', async (name) => {
      system.detectors.behave(name, inTurn(faultOf[name], faultOf[name], flags('toxic', 0.9)));
      const { status: httpStatus, body, result } = await ask(name);
      expect(result).toMatchObject({ status: 'success', output: 'toxic', error: null });
      expect(attemptsOf(result)).toBe(3);
      const keys = system.detectors.callsOf(name).map(({ headers }) => headers['idempotency-key']);
      expect(keys).toHaveLength(3);
      expect(new Set(keys).size).toBe(1);
      expect(httpStatus).toBe(200);
      expect(body).toMatchObject({ coverage_achieved: 1, error_code: null });
    });

    it('after the Retry-After it asked for, not before', async () => {
      const at: number[] = [];
      const noting =
        (then: Behavior): Behavior =>
        (call, response) => {
          at.push(Date.now());
          return then(call, response);
        };
      system.detectors.behave('impatient', noting(inTurn(status(429, { 'retry-after': '1' }), findings())));
      const { result } = await ask('impatient');
      expect(result).toMatchObject({ status: 'success', metadata: { attempts: 2 } });
      expect(at[1]! - at[0]!).toBeGreaterThanOrEqual(1000);
    });

    it('is not asked again when its Retry-After does not fit into the time there is', async () => {
      system.detectors.behave('unfitting', status(429, { 'retry-after': '3600' }));
      const { result } = await ask('unfitting');
      expect(result.error).toMatch(/^overloaded\b/);
      expect(attemptsOf(result)).toBe(1);
    });
  });
});
