import { FigureSharing, type FigureStore } from '../../../src/telemetry/figure-sharing';
import { type Figures, Metrics, sumOf } from '../../../src/telemetry/metrics';

/** What the table does, in memory. */
class MemoryFigures {
  readonly rows = new Map<string, Figures>();
  isAway = false;

  readonly store: FigureStore = {
    ofOthers: async (processId) => {
      if (this.isAway) throw new Error('the store is away');
      return [...this.rows].filter(([id]) => id !== processId).map(([, figures]) => figures);
    },
    write: async (processId, figures, isFirst) => {
      if (!isFirst && !this.rows.has(processId)) return false;
      // As it comes back from a column of JSON.
      this.rows.set(processId, JSON.parse(JSON.stringify(figures)) as Figures);
      return true;
    },
    retire: async () => undefined,
  };

  /** All that wrote are taken for ended. */
  async retireAll(): Promise<void> {
    const sum = await sumOf([...this.rows.values()]);
    this.rows.clear();
    this.rows.set('ended', sum);
  }
}

describe('Figures of several processes', () => {
  const shareMs = 5000;
  let figures: MemoryFigures;
  const running: FigureSharing[] = [];

  function start() {
    const metrics = new Metrics();
    const calls = metrics.counter('calls_total', 'Calls', ['tenant']);
    const took = metrics.histogram('took_ms', 'Time', ['tenant'], [10, 100]);
    const coverage = metrics.latest('coverage_achieved', 'Coverage', ['tenant']);
    const sharing = new FigureSharing(metrics, figures.store, async () => undefined);
    sharing.start();
    running.push(sharing);
    return { calls, took, coverage, sharing };
  }
  const linesOf = async ({ sharing }: { sharing: FigureSharing }) => (await sharing.page()).split('\n');

  beforeEach(() => {
    jest.useFakeTimers({ now: 1_000_000_000 });
    figures = new MemoryFigures();
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((sharing) => sharing.stop()));
    jest.useRealTimers();
  });

  it('are summed up by whoever is asked [10]', async () => {
    const [a, b] = [start(), start()];
    a.calls.inc({ tenant: 'x' }, 2);
    a.took.observe({ tenant: 'x' }, 5);
    b.calls.inc({ tenant: 'x' }, 3);
    b.calls.inc({ tenant: 'y' });
    b.took.observe({ tenant: 'x' }, 50);
    await jest.advanceTimersByTimeAsync(shareMs);
    for (const one of [a, b])
      expect(await linesOf(one)).toEqual(
        expect.arrayContaining([
          '# TYPE calls_total counter',
          'calls_total{tenant="x"} 5',
          'calls_total{tenant="y"} 1',
          'took_ms_bucket{le="10",tenant="x"} 1',
          'took_ms_bucket{le="100",tenant="x"} 2',
          'took_ms_bucket{le="+Inf",tenant="x"} 2',
          'took_ms_sum{tenant="x"} 55',
        ]),
      );
  });

  it('have of a gauge the value that came last, wherever', async () => {
    const [a, b] = [start(), start()];
    a.coverage.set({ tenant: 'x' }, 0.5);
    await jest.advanceTimersByTimeAsync(1);
    b.coverage.set({ tenant: 'x' }, 1);
    await jest.advanceTimersByTimeAsync(shareMs);
    for (const one of [a, b]) expect(await linesOf(one)).toContain('coverage_achieved{tenant="x"} 1');
  });

  it('stay when a process has ended, and are not counted twice when it had not', async () => {
    const [a, b] = [start(), start()];
    a.calls.inc({ tenant: 'x' }, 2);
    b.calls.inc({ tenant: 'x' }, 3);
    await jest.advanceTimersByTimeAsync(shareMs);
    await figures.retireAll();
    await jest.advanceTimersByTimeAsync(shareMs);
    b.calls.inc({ tenant: 'x' });
    await jest.advanceTimersByTimeAsync(2 * shareMs);
    for (const one of [a, b]) expect(await linesOf(one)).toContain('calls_total{tenant="x"} 6');
  });

  it('are those that were known last while the store is away', async () => {
    const [a, b] = [start(), start()];
    b.calls.inc({ tenant: 'x' }, 3);
    await jest.advanceTimersByTimeAsync(shareMs);
    expect(await linesOf(a)).toContain('calls_total{tenant="x"} 3');
    figures.isAway = true;
    a.calls.inc({ tenant: 'x' });
    expect(await linesOf(a)).toContain('calls_total{tenant="x"} 4');
  });
});
