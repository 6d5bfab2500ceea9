import fc from 'fast-check';
import type { Health } from '../../../src/contract/endpoint-health';
import { type HealthCheck, healthCheckSchema } from '../../../src/contract/upstream';
import {
  byUrgency,
  type DueCheck,
  healthAfter,
  type HealthRules,
  initialHealth,
  isUsable,
  nextCheckAt,
  statusAt,
} from '../../../src/domain/health';
import { healthTrend, systemStatus } from '../../../src/domain/health-trend';
import { constants } from '../registry/support';
import './support';

const settings: HealthRules = { of: 'detector', constants };
const t0 = 1_700_000_000_000;
const second = 1000;

const healthy = healthAfter(initialHealth, true, t0, settings);
/** Failed probes at these seconds after t0. */
const failedAt = (health: Health, ...seconds: number[]) =>
  seconds.reduce((state, s) => healthAfter(state, false, t0 + s * second, settings), health);
const usable = (health: Health, now = t0) => isUsable(health, now, settings);

describe('a new detector', () => {
  it('is probed at once and unused until its first success', () => {
    expect(nextCheckAt(initialHealth, settings, 0.9)).toBe(0);
    expect(usable(initialHealth)).toBe(false);
    expect(healthy.status).toBe('healthy');
    expect(usable(healthy)).toBe(true);
  });

  it('is not used as degraded when its first probes fail', () => {
    expect(failedAt(initialHealth, 0).status).toBe('unknown');
    expect(failedAt(initialHealth, 0, 5).status).toBe('unknown');
    expect(usable(failedAt(initialHealth, 0, 5))).toBe(false);
    expect(failedAt(initialHealth, 0, 5, 10).status).toBe('unhealthy');
  });
});

describe('a detector that stops answering', () => {
  it('is healthy after one failure, degraded but used after two, out after three', () => {
    const states = [failedAt(healthy, 30), failedAt(healthy, 30, 35), failedAt(healthy, 30, 35, 40)];
    expect(states.map(({ status }) => status)).toEqual(['healthy', 'degraded', 'unhealthy']);
    expect(states.map((state) => usable(state, t0 + 40 * second))).toEqual([true, true, false]);
  });

  it('is probed every 30 s while well, every 5 s while suspect, every 60 s while out', () => {
    const intervals = [
      healthy,
      failedAt(healthy, 30),
      failedAt(healthy, 30, 35),
      failedAt(healthy, 30, 35, 40),
    ].map((state) => (nextCheckAt(state, settings, 0.9) - state.last_probe_at!) / second);
    expect(intervals).toEqual([30, 5, 5, 60]);
  });

  it('is out 30 s after its first failed probe even when no further probe came back', () => {
    const suspect = failedAt(healthy, 30);
    expect(statusAt(suspect, t0 + 60 * second - 1, settings)).toBe('healthy');
    expect(statusAt(suspect, t0 + 60 * second, settings)).toBe('unhealthy');
    expect(usable(suspect, t0 + 60 * second)).toBe(false);
    expect(failedAt(healthy, 30, 60).status).toBe('unhealthy');
  });

  it('stays out on further failures and is not removed later for an old suspicion', () => {
    expect(failedAt(healthy, 30, 35, 40, 100).status).toBe('unhealthy');
    const recovered = healthAfter(failedAt(healthy, 30), true, t0 + 35 * second, settings);
    expect(statusAt(recovered, t0 + 600 * second, settings)).toBe('healthy');
  });
});

describe('recovery', () => {
  it.each([
    ['suspect', failedAt(healthy, 30)],
    ['degraded', failedAt(healthy, 30, 35)],
    ['unhealthy', failedAt(healthy, 30, 35, 40)],
    ['never seen well', failedAt(initialHealth, 0, 5, 10)],
  ])('takes one success when %s', (_, state) => {
    const now = t0 + 100 * second;
    const recovered = healthAfter(state, true, now, settings);
    expect(recovered).toEqual({
      status: 'healthy',
      consecutive_failures: 0,
      consecutive_successes: 1,
      suspect_since: null,
      unhealthy_since: null,
      last_probe_at: now,
    });
    expect(usable(recovered, now)).toBe(true);
  });
});

describe('any sequence of probes', () => {
  it('has a dead detector out within 30 s of its first failed probe, each probe taking up to 2 s', () => {
    const history = fc.array(fc.boolean(), { maxLength: 20 });
    fc.assert(
      fc.property(
        history,
        fc.array(fc.integer({ min: 0, max: 2000 }), { minLength: 20, maxLength: 20 }),
        (probes, delays) => {
          let health = healthy;
          let now = t0;
          for (const ok of probes) {
            now = Math.max(now, nextCheckAt(health, settings, 0.9));
            health = healthAfter(health, ok, now, settings);
          }
          health = healthAfter(health, true, now, settings);
          let firstFailure: number | null = null;
          for (const delay of delays) {
            now = nextCheckAt(health, settings, 0.9) + delay;
            health = healthAfter(health, false, now, settings);
            firstFailure ??= now;
            if (health.status === 'unhealthy') break;
          }
          expect(health.status).toBe('unhealthy');
          expect(now - firstFailure!).toBeLessThanOrEqual(30 * second);
          expect(usable(health, now)).toBe(false);
        },
      ),
    );
  });

  it('is healthy exactly after a success', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 30 }), (probes) => {
        const last = probes.reduce(
          (state, ok, i) => healthAfter(state, ok, t0 + i * 5 * second, settings),
          initialHealth,
        );
        const trailing = probes.length - 1 - probes.lastIndexOf(true);
        expect(last.consecutive_failures).toBe(trailing);
        if (trailing === 0) expect(last.status).toBe('healthy');
        if (trailing >= 3) expect(last.status).toBe('unhealthy');
      }),
    );
  });
});

describe('an upstream that is no detector', () => {
  const rules = (changes: object = {}): HealthRules => ({
    of: 'endpoint',
    check: healthCheckSchema.parse(changes) satisfies HealthCheck,
  });
  /** After checks a second apart. */
  const checked = (results: readonly boolean[], by = rules()) =>
    results.reduce((health, ok, n) => healthAfter(health, ok, t0 + n * second, by), initialHealth);
  const times = (count: number, ok: boolean) => Array<boolean>(count).fill(ok);

  it('is used until it has failed three times in a row, and again after two successes [H2]', () => {
    const of = (...results: boolean[]) => checked(results);
    expect([of(), of(false, false), of(true, false, false)].map((health) => health.status)).toEqual([
      'unknown',
      'unknown',
      'healthy',
    ]);
    const out = of(true, false, false, false);
    const now = t0 + 10 * second;
    expect([out.status, isUsable(out, now, rules()), isUsable(initialHealth, now, rules())]).toEqual([
      'unhealthy',
      false,
      true,
    ]);
    expect(of(...times(3, false), true).status).toBe('unhealthy');
    expect(of(...times(3, false), true, false, true).status).toBe('unhealthy');
    expect(of(...times(3, false), true, true)).toMatchObject({ status: 'healthy', unhealthy_since: null });
  });

  it('stays in use for as long as its settings have it, or at all [H2]', () => {
    const late = rules({ remove_after: 30 });
    const out = checked(times(3, false), late);
    const since = out.unhealthy_since!;
    expect(isUsable(out, since + 29_999, late)).toBe(true);
    expect(isUsable(out, since + 30_000, late)).toBe(false);
    expect(isUsable(out, since + 3_600_000, rules({ remove_unhealthy: false }))).toBe(true);
  });

  it('is checked sooner after a failure, less and less often later, as usual when it is back [H3]', () => {
    const seconds = (results: readonly boolean[]) => {
      const health = checked(results);
      return (nextCheckAt(health, rules(), 0.5) - health.last_probe_at!) / second;
    };
    const failing = Array.from({ length: 12 }, (_, n) => seconds([true, ...times(n + 1, false)]));
    expect(seconds([true])).toBe(30);
    expect(failing).toEqual([10, 10, 10, 10, 10, 20, 40, 80, 160, 300, 300, 300]);
    expect(seconds([...times(9, false), true])).toBe(10);
    expect(seconds([...times(9, false), true, true])).toBe(30);
    expect(nextCheckAt(initialHealth, rules(), 0.5)).toBe(0);
  });

  it('is checked up to a tenth sooner or later, as chance has it [H3]', () => {
    const at = (chance: number) => (nextCheckAt(checked([true]), rules(), chance) - t0) / second;
    expect([at(0), at(0.5), at(1 - 1e-9)]).toEqual([27, 30, 33]);
  });
});

describe('the order of checks that are due', () => {
  it('is failing, coming back, detectors, others; then who has waited longest [H4]', () => {
    const due = (
      endpoint_id: string,
      health: Partial<Health>,
      isDetector: boolean,
      dueSince: number,
    ): DueCheck => ({
      endpoint_id,
      isDetector,
      health: { ...initialHealth, ...health },
      dueSince,
    });
    const checks = [
      due('well', {}, false, 1),
      due('detector-late', {}, true, 3),
      due('detector', {}, true, 2),
      due('back', { status: 'unhealthy', consecutive_successes: 1 }, false, 4),
      due('failing', { status: 'healthy', consecutive_failures: 1 }, false, 5),
    ];
    expect(checks.toSorted(byUrgency).map(({ endpoint_id }) => endpoint_id)).toEqual([
      'failing',
      'back',
      'detector',
      'detector-late',
      'well',
    ]);
  });
});

describe('what there is to say', () => {
  const checks = (good: number, bad: number) => [
    ...Array<{ ok: boolean }>(good).fill({ ok: true }),
    ...Array<{ ok: boolean }>(bad).fill({ ok: false }),
  ];

  it('tells whether ten checks went better than the ten before [H5]', () => {
    expect(healthTrend([...checks(10, 0), ...checks(5, 5)])).toBe('improving');
    expect(healthTrend([...checks(5, 5), ...checks(10, 0)])).toBe('degrading');
    expect(healthTrend([...checks(7, 3), ...checks(7, 3)])).toBe('stable');
    expect(healthTrend(checks(3, 7))).toBe('stable');
  });

  it.each([
    [100, 90, 'healthy'],
    [89.99, 100, 'degraded'],
    [100, 70, 'degraded'],
    [69.99, 100, 'unhealthy'],
  ])('is %d %% healthy and %d %% closed: %s [H5]', (healthy, closed, verdict) => {
    expect(systemStatus(healthy, closed)).toBe(verdict);
  });
});
