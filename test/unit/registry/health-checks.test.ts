import type { CheckResult, HealthMerge, StoredHealth } from '../../../src/contract/endpoint-health';
import { type EndpointConfig, endpointSchema, type Upstream } from '../../../src/contract/upstream';
import { Breakers } from '../../../src/registry/breakers';
import { HealthChecks, type HealthStore } from '../../../src/registry/health-checks';
import { HealthMonitor } from '../../../src/registry/health-monitor';
import { constants, directoryWith } from './support';

const well: CheckResult = { ok: true, response_ms: 5, error: null };
const ill: CheckResult = { ok: false, response_ms: 5, error: 'it answered 500' };
const detector = () => endpointSchema.parse({ url: 'http://a', kind: 'detector' });
const web = (health_check: object = {}, circuit_breaker: object = {}) =>
  endpointSchema.parse({ url: 'http://web', health_check, circuit_breaker });

/** A store in memory that keeps claims as the real one does. */
class FakeStore {
  readonly rows = new Map<string, StoredHealth & { revision: number }>();
  readonly claims = new Set<string>();
  readonly events: object[] = [];
  #revision = 0;

  connect(): HealthStore {
    let seen = 0;
    return {
      changed: async () => {
        const changed = [...this.rows.values()].filter(({ revision }) => revision > seen);
        seen = this.#revision;
        return changed;
      },
      claim: async (id) => {
        if (this.claims.has(id)) return false;
        this.claims.add(id);
        return true;
      },
      release: async (id) => void this.claims.delete(id),
      record: async (merge) => this.#record(merge),
      remove: async (ids) => ids.forEach((id) => this.rows.delete(id)),
      onChange: () => undefined,
    };
  }

  #record({ endpoint_id, url, result, after }: HealthMerge) {
    const before = this.rows.get(endpoint_id) ?? null;
    const { health, next_check_at, event } = after(before?.health ?? null);
    if (event) this.events.push({ url: event.url, ...event.body });
    const { response_ms, error } = result;
    const stored = { endpoint_id, url, health, next_check_at, response_ms, error };
    this.rows.set(endpoint_id, { ...stored, revision: ++this.#revision });
    this.claims.delete(endpoint_id);
    return { stored, before };
  }
}

describe('HealthChecks', () => {
  let store: FakeStore;
  let probed: string[];
  let logged: string[];
  let made: string[];
  let answers: Record<string, CheckResult | Promise<CheckResult>>;
  const running: HealthChecks[] = [];

  function processWith(endpoints: Record<string, EndpointConfig>, concurrency = 10) {
    const directory = directoryWith(endpoints);
    const breakers = new Breakers(directory, constants);
    const monitor = new HealthMonitor(directory, breakers, constants);
    const probe = async ({ endpoint_id }: Upstream): Promise<CheckResult> => {
      probed.push(endpoint_id);
      const answer = answers[endpoint_id];
      if (!answer) throw new Error('a bug');
      return answer;
    };
    const log = {
      warn: (_fields: object, message: string) => void logged.push(message),
      info: (_fields: object, message: string) => void logged.push(message),
    };
    const checks = new HealthChecks({
      directory,
      breakers,
      monitor,
      store: store.connect(),
      probe,
      concurrency,
      now: Date.now,
      random: () => 0.5,
      made: ({ upstream, result, from, to, alerts }) =>
        made.push(`${upstream.endpoint_id} ${result.ok} ${from} > ${to}${alerts ? ' alert' : ''}`),
      log,
    });
    running.push(checks);
    return { checks, monitor, breakers, directory };
  }
  const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms);
  const onDuty = ({ checks }: { checks: HealthChecks }) => {
    const off = new AbortController();
    return { done: checks.run(off.signal), leave: () => off.abort() };
  };

  beforeEach(() => {
    jest.useFakeTimers({ now: 1_000_000_000 });
    [store, probed, logged, made, answers] = [new FakeStore(), [], [], [], {}];
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((checks) => checks.stop()));
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });

  it('has asked all detectors before it has started: the well are used, the others not', async () => {
    answers = { 'a@1.0': well, 'b@1.0': ill, web: well };
    const { checks, monitor } = processWith({ 'a@1.0': detector(), 'b@1.0': detector(), web: web() });
    await checks.start();
    expect([monitor.isHealthy('a@1.0'), monitor.isHealthy('b@1.0')]).toEqual([true, false]);
    expect(probed).toEqual(['a@1.0', 'b@1.0']);
  });

  it('starts all the same when a detector does not answer', async () => {
    answers = { 'a@1.0': new Promise(() => undefined) };
    const started = processWith({ 'a@1.0': detector() });
    const starting = started.checks.start();
    await pass(3000);
    await starting;
    expect(started.monitor.isHealthy('a@1.0')).toBe(false);
    answers = {};
    running.splice(0);
    jest.clearAllTimers();
  });

  it('waits at its start for those that another process is checking', async () => {
    let answer = (_result: CheckResult): void => undefined;
    answers = { 'a@1.0': new Promise<CheckResult>((resolve) => (answer = resolve)) };
    const [first, second] = [processWith({ 'a@1.0': detector() }), processWith({ 'a@1.0': detector() })];
    const starting = Promise.all([first.checks.start(), second.checks.start()]);
    await pass(500);
    answer(well);
    await pass(100);
    await starting;
    expect([probed, second.monitor.isHealthy('a@1.0')]).toEqual([['a@1.0'], true]);
  });

  it('asks who is about to come, so that it is used from its first moment [C3]', async () => {
    answers = { 'a@1.0': well, 'a@2.0': well, 'b@1.0': ill };
    const [one, other] = [processWith({ 'a@1.0': detector() }), processWith({ 'a@1.0': detector() })];
    for (const { checks } of [one, other]) await checks.start();
    probed = [];
    const listed = processWith({ 'a@1.0': detector(), 'a@2.0': detector(), 'b@1.0': detector() });
    await one.checks.introduce(listed.directory.upstreams);
    expect(probed).toEqual(['a@2.0', 'b@1.0']);
    await other.checks.learn();
    for (const { directory, monitor } of [one, other]) {
      directory.set('a@2.0', detector());
      directory.set('b@1.0', detector());
      expect([monitor.isHealthy('a@2.0'), monitor.isHealthy('b@1.0')]).toEqual([true, false]);
    }
  });

  it('does not hold up a change for one that does not answer', async () => {
    const { checks } = processWith({});
    await checks.start();
    answers = { 'a@1.0': new Promise(() => undefined) };
    const introducing = checks.introduce(processWith({ 'a@1.0': detector() }).directory.upstreams);
    await pass(1000);
    await introducing;
  });

  it('takes over what is stored: a start asks nobody whose check is not due [H6]', async () => {
    answers = { 'a@1.0': well };
    await processWith({ 'a@1.0': detector() }).checks.start();
    const second = processWith({ 'a@1.0': detector() });
    await second.checks.start();
    expect([probed, second.monitor.isHealthy('a@1.0')]).toEqual([['a@1.0'], true]);
  });

  it('takes a detector that stops out within 30 s, at every process, and back unaided [4.1]', async () => {
    answers = { 'a@1.0': well };
    const [prober, other] = [processWith({ 'a@1.0': detector() }), processWith({ 'a@1.0': detector() })];
    for (const { checks } of [prober, other]) await checks.start();
    const duty = onDuty(prober);
    answers = { 'a@1.0': ill };
    await pass(31_000);
    expect([other.monitor.healthOf('a@1.0').consecutiveFailures, other.monitor.isHealthy('a@1.0')]).toEqual([
      1,
      true,
    ]);
    await pass(12_000);
    expect([prober, other].map(({ monitor }) => monitor.isHealthy('a@1.0'))).toEqual([false, false]);
    answers = { 'a@1.0': well };
    await pass(61_500);
    expect([prober, other].map(({ monitor }) => monitor.isHealthy('a@1.0'))).toEqual([true, true]);
    duty.leave();
    await pass(1);
    await duty.done;
  });

  it('checks what fails before all others, never more at a time than it may [H4]', async () => {
    const endpoints = Object.fromEntries(
      ['w1', 'w2', 'w3'].map((id) => [id, endpointSchema.parse({ url: `http://${id}` })]),
    );
    const { checks, monitor } = processWith({ ...endpoints, 'a@1.0': detector() }, 1);
    answers = { w1: well, w2: well, w3: ill, 'a@1.0': well };
    await checks.start();
    for (const id of ['w1', 'w2', 'w3']) await checks.check(id);
    await pass(42_000);
    probed = [];
    const before = monitor.healthOf('w3').consecutiveFailures;
    let most = 0;
    const duty = onDuty({ checks });
    for (let tick = 0; tick < 6; tick++) {
      most = Math.max(most, store.claims.size);
      await pass(250);
    }
    expect(probed.slice(0, 2)).toEqual(['w3', 'a@1.0']);
    expect([most <= 1, monitor.healthOf('w3').consecutiveFailures]).toEqual([true, before + 1]);
    duty.leave();
    await pass(1);
    await duty.done;
  });

  it('checks none twice at once, and a slow check delays no other [H8]', async () => {
    let answer: (result: CheckResult) => void = () => undefined;
    answers = { slow: new Promise((resolve) => (answer = resolve)), web: well };
    const endpoints = { slow: endpointSchema.parse({ url: 'http://slow' }), web: web() };
    const [one, two] = [processWith(endpoints), processWith(endpoints)];
    for (const { checks } of [one, two]) await checks.start();
    const checking = one.checks.check('slow');
    await pass(1);
    expect([await one.checks.check('slow'), await two.checks.check('slow')]).toEqual([null, null]);
    expect(await two.checks.check('web')).toEqual(well);
    answer(well);
    expect(await checking).toEqual(well);
    expect(probed.filter((id) => id === 'slow')).toHaveLength(1);
  });

  it('repeats a probe as its upstream has it, and counts one check [H1]', async () => {
    answers = { web: ill };
    const { checks, monitor } = processWith({ web: web({ retries: 2, retry_delay: 1 }) });
    await checks.start();
    const checking = checks.check('web');
    await pass(2000);
    await checking;
    expect([probed.length, monitor.healthOf('web').consecutiveFailures]).toEqual([3, 1]);
  });

  it('takes a probe that throws for a failed one, of its upstream alone [H8]', async () => {
    answers = { web: well };
    const { checks, monitor } = processWith({
      broken: endpointSchema.parse({ url: 'http://b' }),
      web: web(),
    });
    await checks.start();
    expect(await checks.check('broken')).toEqual({
      ok: false,
      response_ms: null,
      error: 'the check broke down',
    });
    expect(await checks.check('web')).toEqual(well);
    expect([monitor.healthOf('broken').consecutiveFailures, logged[0]]).toEqual([
      1,
      'a health check broke down',
    ]);
  });

  it('tells webhooks of each change, and of the threshold of alerts [H7]', async () => {
    const settings = { webhook_url: 'http://hook', unhealthy_threshold: 2, alert_threshold: 3 };
    const { checks } = processWith({ web: web(settings) });
    await checks.start();
    for (const result of [well, ill, ill, ill, ill, well, well]) {
      answers = { web: result };
      await checks.check('web');
    }
    expect(store.events).toMatchObject([
      { url: 'http://hook', old_status: 'unknown', new_status: 'healthy', response_time: 0.005 },
      { old_status: 'healthy', new_status: 'unhealthy', consecutive_failures: 2 },
      { old_status: 'unhealthy', new_status: 'unhealthy', consecutive_failures: 3 },
      { old_status: 'unhealthy', new_status: 'healthy', consecutive_failures: 0, error_message: null },
    ]);
    expect(made).toEqual([
      'web true unknown > healthy',
      'web false healthy > healthy',
      'web false healthy > unhealthy',
      'web false unhealthy > unhealthy alert',
      'web false unhealthy > unhealthy',
      'web true unhealthy > unhealthy',
      'web true unhealthy > healthy',
    ]);
    expect(logged).toContain('an upstream fails check after check');
  });

  it('makes one that nobody has reached unhealthy at once, until it answers [R8]', async () => {
    const { checks, monitor } = processWith({ web: web({ unhealthy_threshold: 3, healthy_threshold: 1 }) });
    await checks.start();
    await checks.condemn('web', 'it cannot be reached (ECONNREFUSED)');
    expect([monitor.isHealthy('web'), monitor.healthOf('web')]).toMatchObject([
      false,
      { status: 'unhealthy', error: 'it cannot be reached (ECONNREFUSED)' },
    ]);
    answers = { web: well };
    await checks.check('web');
    expect(monitor.isHealthy('web')).toBe(true);
  });

  it('closes the breaker of what recovers, and opens it where ill health should [B8]', async () => {
    const settings = { unhealthy_threshold: 1, healthy_threshold: 1 };
    const { checks, breakers } = processWith({ web: web(settings, { trip_on_unhealthy: true }) });
    await checks.start();
    answers = { web: ill };
    await checks.check('web');
    expect(breakers.stateOf('web')).toBe('open');
    answers = { web: well };
    await checks.check('web');
    expect(breakers.stateOf('web')).toBe('closed');
  });

  it('makes checks itself when nobody else does', async () => {
    answers = { 'a@1.0': well };
    const { checks } = processWith({ 'a@1.0': detector() });
    await checks.start();
    await pass(44_000);
    expect(probed).toHaveLength(1);
    await pass(1500);
    expect(probed).toHaveLength(2);
  });

  it('forgets what belonged to an upstream that is gone', async () => {
    answers = { 'a@1.0': well };
    const { checks, directory } = processWith({ 'a@1.0': detector() });
    await checks.start();
    directory.remove('a@1.0');
    expect([store.rows.size, await checks.check('a@1.0')]).toEqual([0, null]);
  });
});
