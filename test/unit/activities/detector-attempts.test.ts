import { EventEmitter } from 'node:events';
import { type Attempt, DetectorAttempts } from '../../../src/activities/detector-attempts';
import { RunControls } from '../../../src/activities/run-controls';
import { type CallFailure, DetectorCallError } from '../../../src/detectors/call-error';
import type { PlannedDetector } from '../../../src/contract/plan';
import type { DetectorResult } from '../../../src/contract/detector-result';
import type { AllowedBy } from '../../../src/domain/suppression';
import { Breakers } from '../../../src/registry/breakers';
import { fixedDirectory } from '../../support/fixed-directory';
import { registration } from '../api/support';
import { finding, planned, success } from '../domain/support';
import { memberOf, startOfRun } from '../workflows/samples';

type Call = (signal: AbortSignal) => Promise<ReadonlyMap<string, DetectorResult>>;

const answer = new Map([['r1', success('a', 'toxic')]]);
/** A detector that never answers, and ends with its signal. */
const stalls: Call = (signal) =>
  new Promise((_resolve, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
  );

describe('DetectorAttempts', () => {
  let calls: unknown[];
  let latencies: unknown[];
  let healthy: boolean;
  let refused: boolean;
  let breakers: Breakers;
  let notifications: EventEmitter;

  beforeEach(() => {
    jest.useFakeTimers({ now: startOfRun });
    [calls, latencies, healthy, refused] = [[], [], true, false];
    notifications = new EventEmitter();
    breakers = new Breakers(fixedDirectory([registration('a')]), {
      circuit_breaker_failure_threshold: 1,
      circuit_breaker_recovery_timeout_seconds: 60,
      half_open_test_requests: 1,
    });
  });
  afterEach(() => jest.useRealTimers());

  let listed: Promise<AllowedBy>;
  beforeEach(() => {
    listed = Promise.resolve((_detector, { fingerprint }) => (fingerprint === 'known' ? 'allow-1' : null));
  });

  function make(call: Call, changes: Partial<Attempt> = {}) {
    const attempts = new DetectorAttempts({
      caller: {
        call(_detector: unknown, _members: unknown, context: unknown, signal: AbortSignal) {
          calls.push(context);
          return call(signal);
        },
      },
      credentials: { areRefusedAt: () => refused },
      breakers,
      health: { isHealthy: () => healthy },
      latencies: { record: (...what: unknown[]) => latencies.push(what) },
      controls: new RunControls({} as never, notifications as never),
      keys: { digestKey: (tenant: string) => Promise.resolve(Buffer.from(`key of ${tenant}`)) },
      allowedBy: () => listed,
      now: () => Date.now(),
    } as never);
    const members = changes.members ?? [memberOf('r1')];
    return attempts.make({
      input: {
        run: { run_id: 'run', facade_id: null },
        plan: { tenant_id: 'acme', content_type: 'text', policy_bundle: 'default' },
        detector: planned('a', { timeout_ms: 700 }),
        members,
      },
      members,
      number: 2,
      startedAt: 1400,
      signal: new AbortController().signal,
      answered: () => undefined,
      ...changes,
    });
  }
  const breaker = () => breakers.stateOf('a@1.0');
  const trip = () => breakers.record('a@1.0', 'failure', breakers.admit('a@1.0').epoch);

  it('calls the detector in the name of the run, and returns what it says', async () => {
    const took30ms: Call = async () => {
      jest.setSystemTime(startOfRun + 30);
      return answer;
    };
    expect(await make(took30ms)).toBe(answer);
    expect(calls).toEqual([
      {
        runId: 'run',
        tenantId: 'acme',
        contentType: 'text',
        fingerprintKey: Buffer.from('key of acme'),
        startedAt: 1400,
        attempt: 2,
        wanted: expect.any(Function) as unknown,
        answered: expect.any(Function) as unknown,
      },
    ]);
    expect(latencies).toEqual([['a', '1.0', 30]]);
    expect(breaker()).toBe('closed');
    expect(jest.getTimerCount()).toBe(0);
  });

  it.each([
    ['unhealthy', () => (healthy = false)],
    ['circuit_open', trip],
    ['request_deadline', () => jest.setSystemTime(30_500)],
  ])('refuses without a call: %s', async (token, arrange) => {
    arrange();
    const results = await make(() => Promise.resolve(answer), { members: [memberOf('r1'), memberOf('r2')] });
    expect([...results.keys()]).toEqual(['r1', 'r2']);
    expect(results.get('r2')).toMatchObject({ error: token, processing_time_ms: Date.now() - 1400 });
    expect(calls).toEqual([]);
  });

  it.each([
    ['unhealthy', () => (healthy = false)],
    ['circuit_open', trip],
  ])('takes %s for an outage, but not where our credentials are refused', async (_token, arrange) => {
    arrange();
    const cause = async () =>
      (await make(() => Promise.resolve(answer), { members: [memberOf('r1')] })).get('r1')?.failure_cause;
    expect(await cause()).toBe('outage');
    refused = true;
    expect(await cause()).toBe('credentials');
  });

  it.each<[CallFailure, string]>([
    ['http_5xx', 'open'],
    ['network_error', 'open'],
    ['invalid_response', 'open'],
    ['http_4xx', 'closed'],
    ['overloaded', 'closed'],
  ])('throws %s, and leaves the breaker %s', async (failure, state) => {
    const error = new DetectorCallError(failure, 'it failed', { retryable: true });
    await expect(make(() => Promise.reject(error))).rejects.toBe(error);
    expect(breaker()).toBe(state);
    expect(latencies).toEqual([]);
  });

  it('closes a breaker whose trial succeeds, and opens it again when one fails', async () => {
    trip();
    jest.setSystemTime(startOfRun + 60_000);
    const members = [memberOf('r1', { cut_at: startOfRun + 120_000 })];
    const error = new DetectorCallError('http_5xx', 'it failed', { retryable: true });
    await expect(make(() => Promise.reject(error), { members })).rejects.toBe(error);
    expect(breaker()).toBe('open');
    jest.setSystemTime(startOfRun + 119_000);
    expect((await make(() => Promise.resolve(answer), { members })).get('r1')?.error).toBe('circuit_open');
    jest.setSystemTime(startOfRun + 120_000);
    await make(() => Promise.resolve(answer), {
      members: [memberOf('r1', { cut_at: startOfRun + 180_000 })],
    });
    expect(breaker()).toBe('closed');
  });

  describe('with something to stand in for it', () => {
    const down = new DetectorCallError('overloaded', 'it is busy', { retryable: true });
    const members = [memberOf('r1'), memberOf('r2', { content: 'another text..' })];
    const falling = (fallback: PlannedDetector['fallback'], number = 3) => ({
      members,
      number,
      input: {
        run: { run_id: 'run', facade_id: null },
        plan: { tenant_id: 'acme', content_type: 'text' as const, policy_bundle: 'default' },
        detector: planned('a', { fallback, max_retries: 2 }),
        members,
      },
    });
    const byDefault = falling({ strategy: 'default', label: 'unchecked', confidence: 1 });

    it('asks the detector as often as it may, and only then falls back', async () => {
      const fails: Call = () => Promise.reject(down);
      await expect(make(fails, falling(byDefault.input.detector.fallback, 2))).rejects.toBe(down);
      const results = await make(fails, byDefault);
      expect([...results.values()]).toMatchObject([
        { output: 'unchecked', stand_in: { strategy: 'default', cause: 'overload', error: 'overloaded' } },
        { output: 'unchecked' },
      ]);
    });

    it('falls back at once when the Retry-After does not fit', async () => {
      const busy = new DetectorCallError('overloaded', 'busy', { retryable: true, retryAfterMs: 3.6e6 });
      const results = await make(() => Promise.reject(busy), { ...byDefault, number: 1 });
      expect(results.get('r1')?.stand_in).toMatchObject({ cause: 'overload', error: 'overloaded' });
    });

    it.each<[string, DetectorCallError]>([
      ['401', new DetectorCallError('http_4xx', 'no', { retryable: false, status: 401 })],
      ['400', new DetectorCallError('http_4xx', 'no', { retryable: false, status: 400 })],
      ['HTML', new DetectorCallError('invalid_response', 'no', { retryable: false })],
    ])('does not fall back after %s', async (_name, error) => {
      await expect(make(() => Promise.reject(error), byDefault)).rejects.toBe(error);
    });

    it('falls back without a call while the breaker is open, and counts it', async () => {
      trip();
      const results = await make(() => Promise.resolve(answer), byDefault);
      expect(results.get('r1')?.stand_in).toMatchObject({ strategy: 'default', error: 'circuit_open' });
      expect(calls).toEqual([]);
      expect(breakers.describe('a@1.0')?.counts).toMatchObject({ prevented: 1, fallbacks: 1 });
    });

    it('does not fall back from a detector that refuses our credentials', async () => {
      trip();
      refused = true;
      const results = await make(() => Promise.resolve(answer), byDefault);
      expect(results.get('r1')).toMatchObject({ error: 'circuit_open', failure_cause: 'credentials' });
    });
  });

  describe('under an allow-list', () => {
    const said = {
      ...success('a', 'email', 0.9),
      findings: [{ ...finding('email', 0.9), fingerprint: 'known' }],
    };
    const members = [memberOf('r1')];
    const plan = { tenant_id: 'acme', content_type: 'text' as const, policy_bundle: 'default' };
    const input = {
      run: { run_id: 'run', facade_id: null },
      plan: { ...plan, allow_list: { revision: 1, until: startOfRun } },
      detector: planned('a', { fallback: { strategy: 'cached', max_age_seconds: 60 }, max_retries: 0 }),
      members,
    };
    const answers = new Map([['r1', said]]);

    it('has what is allowed count for nothing, in what it tells on the way, too', async () => {
      const told: unknown[] = [];
      const results = await make(() => Promise.resolve(answers), {
        input,
        members,
        answered: (some) => told.push(some.get('r1')?.output),
      });
      calls.forEach((context) => (context as { answered: (some: typeof answers) => void }).answered(answers));
      expect(results.get('r1')).toMatchObject({
        output: 'clean',
        findings: [{ suppressed_by: 'allow-1' }],
        unsuppressed: { output: 'email' },
      });
      expect(told).toEqual(['clean']);
    });

    it('counts everything when the list does not come, and does not wait for it', async () => {
      listed = new Promise(() => undefined);
      const results = make(() => Promise.resolve(answers), { input, members });
      await jest.advanceTimersByTimeAsync(200);
      expect((await results).get('r1')).toBe(said);
    });

    it('counts everything under a plan without one', async () => {
      const results = await make(() => Promise.resolve(answers), { input: { ...input, plan }, members });
      expect(results.get('r1')).toBe(said);
    });
  });

  it('takes an error of its own for nothing that the detector did', async () => {
    await expect(make(() => Promise.reject(new TypeError('a bug')))).rejects.toThrow('a bug');
    expect(breaker()).toBe('closed');
  });

  it('gives up after the time of an attempt, which counts against the detector', async () => {
    const outcome = expect(make(stalls)).rejects.toMatchObject({
      name: 'DetectorCallError',
      failure: 'attempt_timeout',
      options: { retryable: true },
    });
    await jest.advanceTimersByTimeAsync(699);
    expect(breaker()).toBe('closed');
    await jest.advanceTimersByTimeAsync(1);
    await outcome;
    expect(breaker()).toBe('open');
  });

  it('ends with the earliest member’s time, which is not the detector’s fault', async () => {
    const members = [memberOf('r1'), memberOf('r2', { cut_at: startOfRun + 300 })];
    const made = make(stalls, { members });
    await jest.advanceTimersByTimeAsync(300);
    const results = await made;
    expect([...results.values()]).toMatchObject([
      { status: 'timeout', error: 'request_deadline', processing_time_ms: 400 },
      { status: 'timeout', error: 'request_deadline', processing_time_ms: 400 },
    ]);
    expect(breaker()).toBe('closed');
  });

  it('ends without a result when the last member is cancelled', async () => {
    const made = make(stalls, { members: [memberOf('r1'), memberOf('r2')] });
    await jest.advanceTimersByTimeAsync(1);
    for (const request_id of ['r1', 'r2']) notifications.emit('message', { kind: 'cancelled', request_id });
    expect((await made).size).toBe(0);
    expect(breaker()).toBe('closed');
  });

  it('ends with its activity', async () => {
    const activity = new AbortController();
    const outcome = expect(make(stalls, { signal: activity.signal })).rejects.toThrow('worker shuts down');
    await jest.advanceTimersByTimeAsync(1);
    activity.abort(new Error('worker shuts down'));
    await outcome;
    expect(breaker()).toBe('closed');
  });
});
