import { Admission, type Newcomer, type Seat } from '../../../src/submission/admission';
import { JobQueue } from '../../../src/submission/job-queue';
import { requestOf } from './support';

let clock: number;
let lagMs: number;
let logged: { overload: string }[];
beforeEach(() => {
  clock = 1_000_000;
  lagMs = 0;
  logged = [];
});

function gateOf(
  limits: { max_waiting_requests?: number; max_lone_runs?: number; max_queued_jobs?: number } = {},
) {
  const settings = {
    sync_request_sla_ms: 2000,
    async_request_sla_ms: 30_000,
    sync_to_async_threshold_ms: 1500,
    priority_sla_overrides: { critical: 1000, low: 5000 },
    mapper_timeout_budget_ms: 500,
    shared_runs: true,
    max_waiting_requests: 1000,
    max_lone_runs: 64,
    max_queued_jobs: 1000,
    ...limits,
  };
  const now = () => clock;
  const jobs = new JobQueue({ waiting: async () => new Map(), settings, now });
  const log = { info: (fields: object) => void logged.push(fields as { overload: string }) };
  return new Admission({ settings, jobs, lagMs: () => lagMs, now, log });
}

const newcomer = (request: object = {}, overrides: Partial<Newcomer> = {}): Newcomer => ({
  request: requestOf(request),
  slow: false,
  projectedMs: 20,
  mayConvert: true,
  alone: false,
  ...overrides,
});
const overloaded = expect.objectContaining({
  code: 'RATE_LIMITED',
  detail: 'overloaded',
  status: 403,
}) as unknown;
const refusalOf = (act: () => unknown): unknown => {
  try {
    act();
  } catch (error) {
    return error;
  }
  return null;
};
const modes = (seats: readonly Seat[]) => seats.map(({ mode }) => mode);

describe('the gate', () => {
  it('lets in a burst that it can answer in time, before anything was measured', () => {
    const gate = gateOf();
    const seats = Array.from({ length: 200 }, () => gate.admit(newcomer()));
    expect(new Set(modes(seats))).toEqual(new Set(['sync']));
    expect(logged).toEqual([]);
  });

  it('makes jobs of what is beyond the line, then refuses', () => {
    const gate = gateOf({ max_waiting_requests: 2, max_queued_jobs: 1 });
    expect(modes([1, 2, 3].map(() => gate.admit(newcomer())))).toEqual(['sync', 'sync', 'async']);
    expect(refusalOf(() => gate.admit(newcomer()))).toEqual(overloaded);
  });

  it('refuses what must not become a job, though the queue has room', () => {
    const gate = gateOf({ max_waiting_requests: 1 });
    gate.admit(newcomer());
    expect(refusalOf(() => gate.admit(newcomer({}, { mayConvert: false })))).toEqual(overloaded);
  });

  it('tells when to come again', () => {
    const gate = gateOf({ max_waiting_requests: 1, max_queued_jobs: 1 });
    gate.admit(newcomer());
    gate.admit(newcomer());
    expect(refusalOf(() => gate.admit(newcomer()))).toMatchObject({ retryAfterSeconds: 1 });
  });

  it('has a job where one was asked for, or is projected', () => {
    const gate = gateOf();
    expect(gate.admit(newcomer({ processing_mode: 'async' })).mode).toBe('async');
    expect(gate.admit(newcomer({}, { slow: true })).mode).toBe('async');
    expect(gate.admit(newcomer({}, { slow: true, mayConvert: false })).mode).toBe('sync');
  });

  it('has room again when members are on their way, or nobody waits for them', () => {
    const gate = gateOf({ max_waiting_requests: 2 });
    const [first, second] = [gate.admit(newcomer()), gate.admit(newcomer())];
    first.launched();
    expect(gate.admit(newcomer()).mode).toBe('sync');
    second.left();
    second.left();
    expect(gate.admit(newcomer()).mode).toBe('sync');
    expect(gate.admit(newcomer()).mode).toBe('async');
  });

  it('bounds those who ride alone until they are answered, and by themselves', () => {
    const gate = gateOf({ max_lone_runs: 1 });
    const alone = gate.admit(newcomer({}, { alone: true }));
    alone.launched();
    expect(gate.admit(newcomer({}, { alone: true })).mode).toBe('async');
    expect(gate.admit(newcomer()).mode).toBe('sync');
    alone.answered(0);
    expect(gate.admit(newcomer({}, { alone: true })).mode).toBe('sync');
  });

  it('refuses in a flood, unread, all but as many as can be served', () => {
    const gate = gateOf();
    const approaching = () => refusalOf(() => gate.approach());
    expect(Array.from({ length: 2000 }, approaching)).toEqual(Array(2000).fill(null));
    lagMs = 150;
    const refusals: unknown[] = [];
    for (let ms = 0; ms < 1000; ms++) {
      clock++;
      for (let n = 0; n < 3; n++) refusals.push(approaching());
    }
    const refused = refusals.filter((refusal) => refusal !== null);
    expect(refused).toEqual(refused.map(() => overloaded));
    // Of 3,000 in a second a thousand are read, as many as the line can serve until more is known.
    expect(refusals.length - refused.length).toBeGreaterThanOrEqual(1000);
    expect(refusals.length - refused.length).toBeLessThanOrEqual(1001);
  });

  it('does not take the time of a hung detector for its own', () => {
    const gate = gateOf();
    const rideAlone = (count: number) =>
      Array.from({ length: count }, () => gate.admit(newcomer({}, { alone: true, mayConvert: false })));
    const hungMs = 1900;
    for (let turn = 0; turn < 5; turn++) {
      const seats = rideAlone(16);
      for (const seat of seats) seat.launched();
      clock += hungMs;
      for (const seat of seats) seat.answered(hungMs - 5);
    }
    expect(modes(rideAlone(32))).toEqual(Array(32).fill('sync'));
  });

  it('takes the time that requests wait unseen off what they may wait', () => {
    const gate = gateOf();
    for (let n = 0; n < 100; n++) gate.admit(newcomer({ tenant_id: `t${n}` }));
    expect(gate.admit(newcomer()).mode).toBe('sync');
    lagMs = 700;
    expect(gate.admit(newcomer()).mode).toBe('async');
    expect(gate.admit(newcomer({ priority: 'low' })).mode).toBe('sync');
    expect(gate.pressed).toBe(true);
  });

  it('is pressed by waits, and not by hung detectors of those who ride alone', () => {
    const gate = gateOf();
    const hung = gate.admit(newcomer({}, { alone: true }));
    hung.launched();
    clock += 1500;
    hung.left();
    expect(gate.pressed).toBe(false);
    const waiting = gate.admit(newcomer());
    clock += 1000;
    waiting.launched();
    expect(gate.pressed).toBe(true);
  });

  it('says once when overload begins, grows and is over', () => {
    const gate = gateOf({ max_waiting_requests: 1, max_queued_jobs: 1 });
    const seat = gate.admit(newcomer());
    gate.admit(newcomer());
    for (let n = 0; n < 3; n++) refusalOf(() => gate.admit(newcomer()));
    expect(logged.map(({ overload }) => overload)).toEqual(['converting', 'refusing']);
    seat.left();
    gate.admit(newcomer()).left();
    expect(logged).toHaveLength(2);
    clock += 6000;
    gate.admit(newcomer());
    expect(logged[2]).toMatchObject({ overload: 'admitting', admitted: 3, converted: 1, refused: 3 });
  });
});
