import {
  createSimulationActivities,
  HopelessCandidateError,
  type SimulateDependencies,
} from '../../../src/activities/simulate';
import type { EndedRunRecord } from '../../../src/contract/ended-run';
import type { SimulationReport } from '../../../src/contract/simulation-report';
import type { EndedRunPage, PageEnd } from '../../../src/store/ended-runs';
import type { Simulation, SimulationState } from '../../../src/store/simulations';

const mockWorker = { beats: 0, abort: new AbortController() };
jest.mock('@temporalio/activity', () => ({
  heartbeat: () => (mockWorker.beats += 1),
  cancellationSignal: () => mockWorker.abort.signal,
}));

const range = { tenantId: 'acme', bundle: 'default', since: new Date(0), until: new Date(9) };
const simulation: Simulation = {
  simulationId: 's',
  range,
  candidate: { version: '1.1', digest: 'd', stored: true },
  status: 'running',
  total: 3,
  replayed: 0,
  error: null,
  createdAt: new Date(0),
  startedAt: null,
  completedAt: null,
};
const outcome: EndedRunRecord['outcome'] = {
  verdict: { kind: 'benign', label: 'clean', detector: 'a' },
  status: 200,
  coverage: 1,
  coverage_met: true,
  asked: ['a'],
  failure_actions: [],
  fell_back: false,
};
const record: EndedRunRecord = {
  environment: 'dev',
  priority: 'normal',
  content_type: 'text',
  content_length: 3,
  plan_digest: 'p',
  required_detectors: [],
  excluded_detectors: [],
  unavailable: [],
  deadline_cut: false,
  results: [],
  outcome,
};
const idOf = (n: number) => `a5d1f2a0-0000-4000-8000-00000000000${n}`;
const endOf = (n: number): PageEnd => ({ at: new Date(n), requestId: idOf(n) });
const pages: EndedRunPage[] = [
  {
    runs: [
      { requestId: idOf(1), record },
      { requestId: idOf(2), record: null },
    ],
    next: endOf(2),
  },
  { runs: [{ requestId: idOf(3), record }], next: null },
];

interface Advance {
  from: number;
  replayed: number;
  after: PageEnd | null;
  report: SimulationReport;
}

function activities(state: Partial<SimulationState> | null, overrides: Partial<SimulateDependencies> = {}) {
  const advances: Advance[] = [];
  const ends: unknown[] = [];
  const seen = { done: 0, errors: 0 };
  const made = createSimulationActivities({
    simulations: {
      resume: async () =>
        state && { simulation, document: Buffer.from('c'), after: null, report: null, ...state },
      advance: async (_simulation, from, page) => (advances.push({ from, ...page }), true),
      end: async (...end) => (ends.push(end), true),
    },
    runs: { page: async (_range, after) => pages[after === null ? 0 : 1]! },
    replayerOf: () => ({
      replay: async () => ({ kind: 'decided', outcome: { ...outcome, status: 206 }, unknown: [] }),
      done: async () => void (seen.done += 1),
    }),
    categoryOf: () => null,
    pause: async () => undefined,
    log: { error: () => void (seen.errors += 1) },
    ...overrides,
  });
  return { made, advances, ends, seen };
}

const input = { simulation_id: 's' };

describe('A shift of a simulation', () => {
  beforeEach(() => ([mockWorker.beats, mockWorker.abort] = [0, new AbortController()]));

  it('replays page after page, each counted and committed with its end', async () => {
    const { made, advances, seen } = activities({});
    expect(await made.simulatePolicy(input)).toEqual({ done: true });
    expect(advances.map(({ from, replayed, after }) => [from, replayed, after])).toEqual([
      [0, 2, endOf(2)],
      [2, 3, null],
    ]);
    expect(advances[1]!.report).toMatchObject({
      replayed: 3,
      unknown: 1,
      statuses: [{ from: 200, to: 206, count: 2 }],
      unknowns: { by_reason: { record_unreadable: 1 } },
    });
    expect([seen.done, mockWorker.beats > 0]).toEqual([1, true]);
  });

  it('goes on where the store says that it was left', async () => {
    const first = activities({});
    await first.made.simulatePolicy(input);
    const { report } = first.advances[0]!;
    const { made, advances } = activities({
      simulation: { ...simulation, replayed: 2 },
      after: endOf(2),
      report,
    });
    await made.simulatePolicy(input);
    expect(advances).toEqual([first.advances[1]]);
  });

  it('has nothing to do for one that has ended', async () => {
    const { made, seen } = activities(null);
    expect(await made.simulatePolicy(input)).toEqual({ done: true });
    expect(seen.done).toBe(0);
  });

  it('leaves it to the next shift when it has ended meanwhile, or another worker was faster', async () => {
    const { made, seen } = activities(
      {},
      {
        simulations: {
          resume: async () => ({ simulation, document: Buffer.from('c'), after: null, report: null }),
          advance: async () => false,
          end: async () => true,
        },
      },
    );
    expect(await made.simulatePolicy(input)).toEqual({ done: false });
    expect(seen.done).toBe(1);
  });

  it('fails with its reason in the log, and lets go of the candidate', async () => {
    const { made, seen } = activities({}, { runs: { page: () => Promise.reject(new Error('away')) } });
    await expect(made.simulatePolicy(input)).rejects.toThrow('away');
    expect(seen).toEqual({ done: 1, errors: 1 });
  });

  it('gives up on a candidate that cannot be replayed to the end, and says why', async () => {
    const { made, seen, ends } = activities(
      {},
      {
        replayerOf: () => ({
          replay: () => Promise.reject(new HopelessCandidateError('too slow')),
          done: async () => undefined,
        }),
      },
    );
    expect(await made.simulatePolicy(input)).toEqual({ done: true });
    expect([ends, seen.errors]).toEqual([[['s', 'failed', 'too slow']], 0]);
  });

  it('stops in the middle of a page with its worker, which is nobody’s fault', async () => {
    mockWorker.abort.abort(new Error('the worker is shutting down'));
    const { made, seen, advances } = activities({});
    await expect(made.simulatePolicy(input)).rejects.toThrow('shutting down');
    expect([seen.errors, advances]).toEqual([0, []]);
  });

  it('ends one that did not come to its end by itself', async () => {
    const { made, ends } = activities({});
    await made.endSimulation({ ...input, status: 'failed', error: 'why' });
    expect(ends).toEqual([['s', 'failed', 'why']]);
  });
});
