import { detectorRegistrationSchema } from '../../../src/contract/registration';
import { Breakers } from '../../../src/registry/breakers';
import { fixedDirectory } from '../../../src/registry/fixed-directory';
import { HealthMonitor } from '../../../src/registry/health-monitor';
import { DetectorRegistry } from '../../../src/registry/registry';

const settings = {
  health_check_interval_seconds: 30,
  suspect_probe_interval_seconds: 5,
  recovery_check_interval_seconds: 60,
  degraded_threshold: 2,
  unhealthy_threshold: 3,
  unhealthy_removal_timeout_seconds: 30,
  circuit_breaker_failure_threshold: 5,
  circuit_breaker_recovery_timeout_seconds: 60,
  half_open_test_requests: 3,
};

describe('HealthMonitor', () => {
  let now = 0;
  let alive: Record<string, boolean> = {};
  let probes: string[] = [];
  let monitor: HealthMonitor;
  const registrationOf = (name: string, version = '1.0') =>
    detectorRegistrationSchema.parse({ name, version, endpoint: 'http://127.0.0.1:9' });
  const breakers = () => new Breakers(fixedDirectory([registrationOf('a')]), settings, () => now);

  function watch(names: readonly string[], its = breakers()): HealthMonitor {
    const registrations = names.map((name) => registrationOf(name));
    monitor = new HealthMonitor(
      new DetectorRegistry(registrations),
      its,
      ({ name }) => {
        probes.push(name);
        return alive[name] === undefined ? Promise.reject(new Error('gone')) : Promise.resolve(alive[name]);
      },
      settings,
      () => now,
    );
    return monitor;
  }

  /** Lets the clock run, a quarter of a second at a time, as the monitor ticks. */
  async function pass(seconds: number): Promise<void> {
    for (let tick = 0; tick < seconds * 4; tick++) {
      now += 250;
      await jest.advanceTimersByTimeAsync(250);
    }
  }

  beforeEach(() => {
    jest.useFakeTimers();
    now = 1_000_000;
    alive = {};
    probes = [];
  });
  afterEach(() => {
    monitor.stop();
    jest.useRealTimers();
  });

  it('probes all before it has started: the healthy are used, the others not', async () => {
    alive = { well: true, ill: false };
    await watch(['well', 'ill', 'gone']).start();
    expect(['well', 'ill', 'gone'].map((name) => monitor.isHealthy(name))).toEqual([true, false, false]);
    expect(monitor.healthyCount).toBe(1);
    expect(monitor.healthOf('well')).toMatchObject({ status: 'healthy', consecutiveFailures: 0 });
    expect(monitor.healthOf('ill')).toMatchObject({ status: 'unknown', consecutiveFailures: 1 });
  });

  it('knows nothing of a detector that it has not probed', () => {
    watch(['a']);
    expect(monitor.isHealthy('a')).toBe(false);
    expect(monitor.healthOf('a')).toMatchObject({ status: 'unknown', lastCheck: null, responseTimeMs: null });
  });

  it('takes one that stops out within 30 s of the first failed probe, and back unaided [4.1]', async () => {
    alive = { a: true };
    await watch(['a']).start();
    alive = { a: false };
    await pass(30.25);
    expect(monitor.healthOf('a').consecutiveFailures).toBe(1);
    expect(monitor.isHealthy('a')).toBe(true);
    await pass(5.25);
    expect(monitor.healthOf('a').status).toBe('degraded');
    expect(monitor.isHealthy('a')).toBe(true);
    await pass(5.25);
    expect(monitor.healthOf('a').status).toBe('unhealthy');
    expect(monitor.isHealthy('a')).toBe(false);
    alive = { a: true };
    await pass(59);
    expect(monitor.isHealthy('a')).toBe(false);
    await pass(1.5);
    expect(monitor.isHealthy('a')).toBe(true);
  });

  it('does not probe a detector again while a probe is under way', async () => {
    let answer: (ok: boolean) => void = () => undefined;
    alive = { a: true };
    await watch(['a']).start();
    const slow = new HealthMonitor(
      new DetectorRegistry([registrationOf('b')]),
      breakers(),
      ({ name }) => {
        probes.push(name);
        return new Promise((resolve) => (answer = resolve));
      },
      settings,
      () => now,
    );
    const started = slow.start();
    answer(true);
    await started;
    await pass(100);
    expect(probes.filter((name) => name === 'b')).toHaveLength(2);
    slow.stop();
  });

  it('counts an open breaker as unavailable, though not as unhealthy', async () => {
    alive = { a: true };
    const open = breakers();
    await watch(['a'], open).start();
    expect(monitor.isAvailable(registrationOf('a'))).toBe(true);
    for (let failure = 0; failure < 5; failure++) open.record('a@1.0', 'failure', 0);
    expect([monitor.isAvailable(registrationOf('a')), monitor.isHealthy('a')]).toEqual([false, true]);
    expect(monitor.isAvailable(registrationOf('a', '2.0'))).toBe(true);
  });
});
