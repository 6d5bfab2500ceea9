import { DetectorMemo } from '../../../src/activities/detector-memo';
import { success } from '../domain/support';

describe('DetectorMemo', () => {
  const results = (requestId: string) => new Map([[requestId, success('a', 'clean')]]);

  it('adds up what is known of a run and detector, and keeps them apart', () => {
    const memo = new DetectorMemo();
    memo.remember('run', 'a', results('r1'));
    memo.remember('run', 'a', results('r2'));
    memo.remember('run', 'b', results('r3'));
    expect([...memo.known('run', 'a').keys()]).toEqual(['r1', 'r2']);
    expect(memo.known('other', 'a').size).toBe(0);
  });

  it('keeps what is known of a published run as long as its last workflow task may come again', () => {
    jest.useFakeTimers();
    try {
      const memo = new DetectorMemo();
      memo.markBornHere('run');
      memo.remember('run', 'a', results('r1'));
      memo.remember('other', 'a', results('r2'));
      memo.settle('run', ['a']);
      jest.advanceTimersByTime(9_999);
      expect(memo.known('run', 'a').size).toBe(1);
      jest.advanceTimersByTime(1);
      expect([memo.known('run', 'a').size, memo.wasBornHere('run')]).toEqual([0, false]);
      expect(memo.known('other', 'a').size).toBe(1);
    } finally {
      jest.useRealTimers();
    }
  });

  it('gives an issued attempt away once, and remembers when it was issued', async () => {
    const memo = new DetectorMemo();
    const before = Date.now();
    memo.issue('run', 'a', () => Promise.resolve(results('r1')));
    const issuedAt = memo.issuedAt('run', 'a')!;
    expect(issuedAt).toBeGreaterThanOrEqual(before);
    expect((await memo.adopt('run', 'a')?.done)?.has('r1')).toBe(true);
    expect(memo.adopt('run', 'a')).toBeNull();
    expect(memo.issuedAt('run', 'a')).toBe(issuedAt);
    expect(memo.issuedAt('run', 'b')).toBeUndefined();
  });

  it('aborts the issued attempts of a run that did not start', () => {
    const memo = new DetectorMemo();
    const signals: AbortSignal[] = [];
    for (const detector of ['a', 'b']) {
      memo.issue('run', detector, (signal) => {
        signals.push(signal);
        return new Promise(() => undefined);
      });
    }
    memo.abandon('run', ['a']);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
    expect(memo.adopt('run', 'a')).toBeNull();
    expect(memo.issuedAt('run', 'a')).toBeUndefined();
  });

  it('keeps an error of an issued attempt for whoever adopts it', async () => {
    const memo = new DetectorMemo();
    memo.issue('run', 'a', () => Promise.reject(new Error('refused')));
    await expect(memo.adopt('run', 'a')?.done).rejects.toThrow('refused');
  });

  it('forgets the oldest results when they become many', () => {
    const memo = new DetectorMemo();
    const result = success('a', 'toxic');
    const results = Array.from({ length: 1000 }, (_, n) => [`r${n}`, result] as const);
    for (let run = 0; run <= 100; run++) memo.remember(`run-${run}`, 'a', results);
    expect(memo.known('run-0', 'a').size).toBe(0);
    expect(memo.known('run-100', 'a').size).toBe(1000);
  });
});
