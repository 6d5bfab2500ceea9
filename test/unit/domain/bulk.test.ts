import { membersAtOnce } from '../../../src/domain/batching';
import {
  bulkPatience,
  bulkProgress,
  clockedFrom,
  fitsChunk,
  itemsPerSecond,
  slicesOf,
} from '../../../src/domain/bulk';
import type { BulkMember } from '../../../src/contract/bulk-run';
import { planned, planOf } from './support';

describe('A chunk', () => {
  it.each([
    ['takes any item first', 0, 0, 10_000_000, true],
    ['takes 256 items', 255, 0, 1, true],
    ['takes no 257th', 256, 0, 1, false],
    ['takes 96 KiB', 1, 98_303, 1, true],
    ['takes no byte more', 1, 98_304, 1, false],
  ])('%s', (_what, items, bytes, next, fits) => {
    expect(fitsChunk({ items, bytes }, next)).toBe(fits);
  });
});

describe('Slices', () => {
  it('hold everything once, in order', () => {
    expect(slicesOf([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]);
    expect(slicesOf([], 2)).toEqual([]);
  });

  it('are as large as the least of the detectors takes', () => {
    const [a, b] = [planned('a'), planned('b')];
    const taking = (max_batch: number) => ({ ...a, call: { ...a.call, max_batch } });
    expect(membersAtOnce(planOf([taking(64), taking(32)]))).toBe(32);
    const lone = { ...b, call: { ...b.call, protocol: 'conclave' as const, max_batch: 64 } };
    expect(membersAtOnce(planOf([taking(64), lone]))).toBe(10);
    expect(membersAtOnce(planOf([]))).toBe(256);
  });
});

describe('The clock of a slice', () => {
  const settings = {
    sync_request_sla_ms: 2000,
    async_request_sla_ms: 30_000,
    sync_to_async_threshold_ms: 1500,
    priority_sla_overrides: {},
    mapper_timeout_budget_ms: 500,
  };

  it('starts with the slice and allows what a job is allowed', () => {
    const member = { request_id: 'r', content: 'c' } as BulkMember;
    expect(clockedFrom(1_000_000, [member], bulkPatience(settings))).toEqual([
      {
        request_id: 'r',
        content: 'c',
        received_at: 1_000_000,
        convert_at: 1_001_500,
        cut_at: 1_029_500,
        sla_at: 1_030_000,
        deadline_at: 1_030_000,
        prior_results: [],
      },
    ]);
  });

  it('cuts no detector before it has begun', () => {
    const brief = { ...settings, async_request_sla_ms: 300 };
    expect(bulkPatience(brief).cut_after).toBe(0);
  });
});

describe('Progress', () => {
  it.each([
    [0, 3, 0],
    [1, 3, 0.333333],
    [99_999, 100_000, 0.99999],
    [2_999_999, 3_000_000, 0.999999],
    [3, 3, 1],
    [0, 0, 1],
  ])('%i of %i is %f', (processed, total, progress) => {
    expect(bulkProgress(processed, total)).toBe(progress);
  });

  it('has a rate from the start on', () => {
    expect(itemsPerSecond(0, null, 5000)).toBeNull();
    expect(itemsPerSecond(1000, 1000, 3000)).toBe(500);
    expect(itemsPerSecond(1, 1000, 1000)).toBe(1000);
  });
});
