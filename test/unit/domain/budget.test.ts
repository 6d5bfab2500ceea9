import fc from 'fast-check';
import { priorities } from '../../../src/contract/enums';
import {
  type SlaSettings,
  backoffMs,
  convertAfter,
  durationEstimate,
  mapperBudget,
  memberTimes,
  projectedDuration,
  slaOf,
} from '../../../src/domain/budget';
import { priorityKey } from '../../../src/domain/priority';
import './support';

const settings: SlaSettings = {
  sync_request_sla_ms: 2000,
  async_request_sla_ms: 30_000,
  sync_to_async_threshold_ms: 1500,
  priority_sla_overrides: { critical: 1000, low: 5000 },
  mapper_timeout_budget_ms: 500,
};
const receivedAt = 1_700_000_000_000;

describe('SLA and conversion point [13.2]', () => {
  it.each([
    ['critical', 1000, 500],
    ['high', 2000, 1500],
    ['normal', 2000, 1500],
    ['low', 5000, 4500],
  ] as const)('%s: answer in %i ms, job after %i ms', (priority, sla, conversion) => {
    expect(slaOf(priority, settings)).toBe(sla);
    expect(convertAfter(priority, settings)).toBe(conversion);
  });

  it('never converts before receipt', () => {
    const tight = { ...settings, priority_sla_overrides: { critical: 300 } };
    expect(convertAfter('critical', tight)).toBe(0);
  });
});

describe('memberTimes [13.2]', () => {
  const times = (overrides: Partial<Parameters<typeof memberTimes>[0]>) => {
    const { convert_at, sla_at, cut_at, deadline_at } = memberTimes({
      receivedAt,
      priority: 'normal',
      mode: 'sync',
      allowAsyncConversion: true,
      settings,
      ...overrides,
    });
    return [convert_at, sla_at, cut_at, deadline_at].map((at) => at - receivedAt);
  };

  it.each([
    ['critical', [500, 1000, 29_500, 30_000]],
    ['high', [1500, 2000, 29_500, 30_000]],
    ['normal', [1500, 2000, 29_500, 30_000]],
    ['low', [4500, 5000, 29_500, 30_000]],
  ] as const)('sync, convertible, %s: goes on as a job would', (priority, expected) => {
    expect(times({ priority })).toEqual(expected);
  });

  it.each([
    ['critical', [500, 1000, 500, 1000]],
    ['high', [1500, 2000, 1500, 2000]],
    ['normal', [1500, 2000, 1500, 2000]],
    ['low', [4500, 5000, 4500, 5000]],
  ] as const)('sync, not convertible, %s: is cut at its conversion point', (priority, expected) => {
    expect(times({ priority, allowAsyncConversion: false })).toEqual(expected);
  });

  it.each([true, false])('async is a job at once, conversion allowed: %p', (allowAsyncConversion) => {
    expect(times({ mode: 'async', allowAsyncConversion })).toEqual([0, 2000, 29_500, 30_000]);
  });

  it('keeps the points in order under any settings that configuration admits', () => {
    const anySettings = fc
      .record({
        sync: fc.integer({ min: 500, max: 10_000 }),
        threshold: fc.integer({ min: 0, max: 10_000 }),
        async_request_sla_ms: fc.integer({ min: 10_000, max: 60_000 }),
        mapper_timeout_budget_ms: fc.integer({ min: 0, max: 500 }),
      })
      .map(({ sync, threshold, ...rest }) => ({
        ...rest,
        sync_request_sla_ms: sync,
        sync_to_async_threshold_ms: Math.min(threshold, sync),
        priority_sla_overrides: { critical: 500, low: 10_000 },
      }));
    fc.assert(
      fc.property(
        anySettings,
        fc.constantFrom(...priorities),
        fc.constantFrom('sync' as const, 'async' as const),
        fc.boolean(),
        (s, priority, mode, allowAsyncConversion) => {
          const t = memberTimes({ receivedAt, priority, mode, allowAsyncConversion, settings: s });
          expect(t.convert_at).toBeGreaterThanOrEqual(receivedAt);
          expect(t.sla_at).toBeGreaterThanOrEqual(t.convert_at);
          expect(t.cut_at).toBeGreaterThanOrEqual(t.convert_at);
          expect(t.deadline_at).toBeGreaterThanOrEqual(t.cut_at);
        },
      ),
    );
  });
});

describe('mapperBudget', () => {
  const budget = (elapsed: number, isJob = false) =>
    mapperBudget({
      now: receivedAt + elapsed,
      sla_at: receivedAt + 2000,
      deadline_at: receivedAt + 30_000,
      isJob,
      budgetMs: 500,
    });

  it.each([
    [0, 500],
    [1450, 500],
    [1499, 451],
    [1900, 50],
    [1901, 0],
    [2000, 0],
    [2500, 0],
  ])('after %i ms of a sync request it is %i ms', (elapsed, expected) => {
    expect(budget(elapsed)).toBe(expected);
  });

  it('is measured against the deadline once the request is a job', () => {
    expect(budget(2500, true)).toBe(500);
    expect(budget(29_500, true)).toBe(450);
    expect(budget(29_950, true)).toBe(0);
  });

  it('leaves time to answer, whenever it is asked', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40_000 }), fc.boolean(), (elapsed, isJob) => {
        const ms = budget(elapsed, isJob);
        const end = isJob ? 30_000 : 2000;
        expect(ms === 0 || (ms >= 50 && ms <= 500 && elapsed + ms < end)).toBe(true);
      }),
    );
  });
});

describe('projection', () => {
  it('adds up the slowest of each stage', () => {
    const estimates = new Map(Object.entries({ a: 100, b: 300, c: 50 }));
    const estimate = (name: string) => estimates.get(name) ?? 0;
    expect(projectedDuration([['a', 'b'], ['c'], ['unknown']], estimate)).toBe(350);
    expect(projectedDuration([], estimate)).toBe(0);
  });

  it('trusts measurements from ten on, and the declared average before', () => {
    const ten = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100];
    expect(durationEstimate(ten.slice(1), 700)).toBe(700);
    expect(durationEstimate(ten.slice(1), null)).toBe(0);
    expect(durationEstimate(ten, 700)).toBe(100);
  });

  it('takes the 95th percentile of the last hundred', () => {
    const times = [...Array<number>(50).fill(9999), ...Array.from({ length: 100 }, (_, i) => i + 1)];
    expect(durationEstimate(times, null)).toBe(95);
  });
});

describe('backoffMs', () => {
  it('doubles from 100 ms up to a second', () => {
    expect([0, 1, 2, 3, 4, 9].map((attempt) => backoffMs(attempt, 0.5))).toEqual([
      100, 200, 400, 800, 1000, 1000,
    ]);
  });

  it('jitters by a fifth and keeps the cap', () => {
    expect(backoffMs(0, 0)).toBe(80);
    expect(backoffMs(0, 1)).toBeCloseTo(120);
    expect(backoffMs(9, 0)).toBe(800);
    expect(backoffMs(9, 0.99)).toBe(1000);
  });
});

describe('priorityKey', () => {
  it('puts the urgent first, within the keys of Temporal', () => {
    const keys = (['critical', 'high', 'normal', 'low'] as const).map(priorityKey);
    expect(keys).toEqual([1, 2, 3, 4]);
  });
});
