import fc from 'fast-check';
import {
  type Health,
  type HealthSettings,
  builtinHealth,
  healthAt,
  initialHealth,
  isUsable,
  nextProbeAt,
  recordProbe,
} from '../../../src/domain/health';
import './support';

const settings: HealthSettings = {
  health_check_interval_seconds: 30,
  suspect_probe_interval_seconds: 5,
  recovery_check_interval_seconds: 60,
  degraded_threshold: 2,
  unhealthy_threshold: 3,
  unhealthy_removal_timeout_seconds: 30,
};
const t0 = 1_700_000_000_000;
const second = 1000;

const healthy = recordProbe(initialHealth, true, t0, settings);
/** Failed probes at these seconds after t0. */
const failedAt = (health: Health, ...seconds: number[]) =>
  seconds.reduce((state, s) => recordProbe(state, false, t0 + s * second, settings), health);
const usable = (health: Health, now = t0) => isUsable(healthAt(health, now, settings));

describe('a new detector', () => {
  it('is probed at once and unused until its first success', () => {
    expect(nextProbeAt(initialHealth, settings)).toBe(0);
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

  it('needs no probe when it is built in', () => {
    expect(usable(builtinHealth)).toBe(true);
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
    ].map((state) => (nextProbeAt(state, settings) - state.last_probe_at!) / second);
    expect(intervals).toEqual([30, 5, 5, 60]);
  });

  it('is out 30 s after its first failed probe even when no further probe came back', () => {
    const suspect = failedAt(healthy, 30);
    expect(healthAt(suspect, t0 + 60 * second - 1, settings)).toBe('healthy');
    expect(healthAt(suspect, t0 + 60 * second, settings)).toBe('unhealthy');
    expect(usable(suspect, t0 + 60 * second)).toBe(false);
    expect(failedAt(healthy, 30, 60).status).toBe('unhealthy');
  });

  it('stays out on further failures and is not removed later for an old suspicion', () => {
    expect(failedAt(healthy, 30, 35, 40, 100).status).toBe('unhealthy');
    const recovered = recordProbe(failedAt(healthy, 30), true, t0 + 35 * second, settings);
    expect(healthAt(recovered, t0 + 600 * second, settings)).toBe('healthy');
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
    const recovered = recordProbe(state, true, now, settings);
    expect(recovered).toEqual({
      status: 'healthy',
      consecutive_failures: 0,
      suspect_since: null,
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
            now = Math.max(now, nextProbeAt(health, settings));
            health = recordProbe(health, ok, now, settings);
          }
          health = recordProbe(health, true, now, settings);
          let firstFailure: number | null = null;
          for (const delay of delays) {
            now = nextProbeAt(health, settings) + delay;
            health = recordProbe(health, false, now, settings);
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
          (state, ok, i) => recordProbe(state, ok, t0 + i * 5 * second, settings),
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
