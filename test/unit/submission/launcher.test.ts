import { setImmediate } from 'node:timers/promises';
import type { DetectorAttempts } from '../../../src/activities/detector-attempts';
import { DetectorMemo } from '../../../src/activities/detector-memo';
import { RunInputs } from '../../../src/activities/run-inputs';
import type { Member, Plan, RunInput } from '../../../src/contract/plan';
import type { Runs } from '../../../src/store/runs';
import { Companions } from '../../../src/submission/companions';
import { Launcher, OvertakenError, type Ride } from '../../../src/submission/launcher';
import type { RunGateway } from '../../../src/submission/run-gateway';
import { planned, planOf } from '../domain/support';

let count = 0;

function member(overrides: Partial<Member> = {}): Member {
  return {
    request_id: `request-${++count}`,
    correlation_id: 'c',
    traceparent: null,
    mode: 'sync',
    content: 'a text',
    content_length: 6,
    metadata: null,
    idempotency_key: null,
    parent_job_id: null,
    received_at: 0,
    convert_at: 1500,
    sla_at: 2000,
    cut_at: 29_500,
    deadline_at: 30_000,
    routing_tokens: [],
    health_status: {},
    prior_results: [],
    ...overrides,
  };
}

/** A launcher whose runs start at once and are told apart by what they carry. */
function harness({
  sharing = true,
  start,
  overtaken = [],
  assigning = () => undefined,
}: {
  sharing?: boolean;
  start?: () => Promise<{ eager: boolean }>;
  /** Requests whose claims others hold by now. */
  overtaken?: readonly string[];
  assigning?: () => void;
} = {}) {
  const flown: RunInput[] = [];
  const assigned: [readonly string[], string][] = [];
  const runs = {
    open: () => Promise.resolve(),
    assign: (ids: readonly string[], runId: string) => {
      assigning();
      if (ids.length > 0) assigned.push([ids, runId]);
      return Promise.resolve(new Set(ids.filter((id) => !overtaken.includes(id))));
    },
  } as unknown as Runs;
  const gateway = {
    start: (input: RunInput) => {
      flown.push(input);
      return start ? start() : Promise.resolve({ eager: true });
    },
  } as unknown as RunGateway;
  const attempts = { make: () => Promise.resolve(new Map()) } as unknown as DetectorAttempts;
  const launcher = new Launcher({
    runs,
    gateway,
    memo: new DetectorMemo(),
    inputs: new RunInputs(() => Promise.resolve(null)),
    attempts,
    processId: 'p',
    sharing,
  });
  /** Once at least so many have flown: runs of one tenant depart at intervals. */
  const loads = async (least = 0) => {
    await setImmediate();
    for (; flown.length < least; await setImmediate()) jest.advanceTimersByTime(1);
    return flown.map(({ members }) => members.map(({ request_id: id }) => id));
  };
  return { launcher, flown, assigned, loads };
}

const plan = (overrides: Partial<Plan> = {}): Plan => planOf([planned('a')], overrides);

/** Boards so many with one plan; `done` is called by the test. */
function board(
  launcher: Launcher,
  howMany: number,
  on = plan(),
  digest = 'same',
): { ride: Ride; id: string }[] {
  return Array.from({ length: howMany }, () => {
    const passenger = member();
    return { ride: launcher.board(on, digest, passenger), id: passenger.request_id };
  });
}

describe('the launcher', () => {
  beforeEach(() => jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] }));
  afterEach(() => jest.useRealTimers());

  it('starts a request at once, alone, when nothing is in flight', async () => {
    const { launcher, loads } = harness();
    const [only] = board(launcher, 1);
    await only!.ride.started;
    expect(await loads()).toEqual([[only!.id]]);
  });

  it('lets those that come while the slots are taken share the next run', async () => {
    const { launcher, loads } = harness();
    const all = board(launcher, 7);
    expect(await loads()).toEqual([[all[0]!.id], [all[1]!.id]]);
    all[0]!.ride.done();
    expect((await loads(3))[2]).toEqual(all.slice(2).map(({ id }) => id));
  });

  it('never mixes plans', async () => {
    const { launcher, loads } = harness();
    const busy = board(launcher, 2);
    const one = board(launcher, 2, plan(), 'one');
    const other = board(launcher, 2, plan(), 'other');
    for (const { ride } of busy) ride.done();
    expect((await loads(4)).slice(2)).toEqual([one.map(({ id }) => id), other.map(({ id }) => id)]);
  });

  it('frees a slot only when all of a run are answered', async () => {
    const { launcher, loads } = harness();
    const all = board(launcher, 4);
    all[0]!.ride.done();
    const late = board(launcher, 1);
    all[2]!.ride.done();
    expect(await loads(3)).toHaveLength(3);
    all[3]!.ride.done();
    expect((await loads(4))[3]).toEqual([late[0]!.id]);
  });

  it.each([
    ['large content', plan(), member({ content: 'x'.repeat(4097) })],
    ['forwarded metadata', plan(), member({ metadata: { k: 'v' } })],
    ['critical priority', plan({ priority: 'critical' }), member()],
    ['a plan without conversion', plan({ allow_async_conversion: false }), member()],
  ])('lets %s ride alone, without waiting for a slot', async (_why, on, passenger) => {
    const { launcher, loads } = harness();
    board(launcher, 2);
    launcher.board(on, 'same', passenger);
    expect((await loads())[2]).toEqual([passenger.request_id]);
  });

  it('bounds a run to 256 members and 96 KiB', async () => {
    const many = harness();
    const busy = board(many.launcher, 2);
    board(many.launcher, 300);
    for (const { ride } of busy) ride.done();
    expect((await many.loads(4)).map((load) => load.length)).toEqual([1, 1, 256, 44]);

    const large = harness();
    const first = board(large.launcher, 2);
    for (let n = 0; n < 30; n++) large.launcher.board(plan(), 'same', member({ content: 'x'.repeat(4000) }));
    for (const { ride } of first) ride.done();
    // 23 x 4,160 bytes are just under 96 KiB.
    expect((await large.loads(4)).map((load) => load.length)).toEqual([1, 1, 23, 7]);
  });

  it('serves higher priorities first', async () => {
    const { launcher, loads } = harness();
    const busy = board(launcher, 2);
    board(launcher, 1, plan({ priority: 'low' }), 'low');
    const high = board(launcher, 1, plan({ priority: 'high' }), 'high');
    busy[0]!.ride.done();
    expect((await loads(3))[2]).toEqual([high[0]!.id]);
  });

  it('gives a tenant at most half the slots while others wait', async () => {
    const { launcher, loads } = harness();
    const noisy = board(launcher, 10, plan({ tenant_id: 'noisy' }), 'noisy');
    const quiet = board(launcher, 1, plan({ tenant_id: 'quiet' }), 'quiet');
    noisy[0]!.ride.done();
    expect((await loads(3))[2]).toEqual([quiet[0]!.id]);
  });

  it('lets the runs of a tenant depart at intervals, so that one member does not take a slot from the others', async () => {
    const { launcher, loads } = harness();
    const [first] = board(launcher, 1);
    await loads();
    jest.advanceTimersByTime(40);
    first!.ride.done();
    const all = board(launcher, 3);
    expect(await loads()).toHaveLength(2);
    jest.advanceTimersByTime(4);
    expect((await loads())[2]).toEqual(all.slice(1).map(({ id }) => id));
  });

  it('takes the slot from a run that is overdue', async () => {
    const { launcher, loads } = harness();
    const [, , waiting] = board(launcher, 3);
    expect(await loads()).toHaveLength(2);
    jest.advanceTimersByTime(400);
    expect((await loads())[2]).toEqual([waiting!.id]);
  });

  it('starts a member that hurries at once, without a slot, and all who may ride with it', async () => {
    const { launcher, loads } = harness();
    board(launcher, 2);
    const [one, two] = board(launcher, 2);
    board(launcher, 1, plan(), 'other');
    two!.ride.hurry();
    one!.ride.hurry();
    expect((await loads()).slice(2)).toEqual([[two!.id, one!.id]]);
  });

  it('lets companions board before any of them leaves, and the others leave meanwhile', async () => {
    const { launcher, loads } = harness();
    const items = [member(), member(), member()];
    const companions = new Companions(
      items.map(({ request_id: id }) => id),
      0,
    );
    const boarding = (at: number) => launcher.board(plan(), 'same', items[at]!, { companions });
    boarding(0);
    boarding(1);
    const [other] = board(launcher, 1);
    expect(await loads()).toEqual([[other!.id]]);
    boarding(2);
    expect((await loads())[1]).toEqual(items.map(({ request_id: id }) => id));
  });

  it('gives every request a run of its own when sharing is off', async () => {
    const { launcher, loads } = harness({ sharing: false });
    board(launcher, 5);
    expect((await loads()).map((load) => load.length)).toEqual([1, 1, 1, 1, 1]);
  });

  it('tells the claims of keyed members which run serves them', async () => {
    const { launcher, assigned, flown, loads } = harness();
    const keyed = member({ idempotency_key: 'k' });
    launcher.board(plan(), 'same', keyed);
    await loads();
    expect(assigned).toEqual([[[keyed.request_id], flown[0]!.run_id]]);
  });

  it('leaves behind whose claim was taken over meanwhile; the others fly, and their slot frees with them', async () => {
    const [mine, theirs] = [member({ idempotency_key: 'k' }), member({ idempotency_key: 'l' })];
    const { launcher, loads } = harness({ overtaken: [theirs.request_id] });
    const busy = board(launcher, 2);
    const rides = [mine, theirs].map((passenger) => launcher.board(plan(), 'same', passenger));
    for (const { ride } of busy) ride.done();
    await expect(rides[1]!.started).rejects.toThrow(OvertakenError);
    rides[1]!.done();
    expect((await loads(3)).slice(2)).toEqual([[mine.request_id]]);
    const [other, late] = [...board(launcher, 1), ...board(launcher, 1)];
    rides[0]!.done();
    expect((await loads(4)).slice(3).flat()).toContain(other!.id);
    other!.ride.done();
    expect((await loads(4)).slice(3).flat()).toContain(late!.id);
  });

  it('starts nothing once its lease may be over: another may have begun', async () => {
    const { launcher, loads } = harness({ assigning: () => jest.advanceTimersByTime(4500) });
    const ride = launcher.board(plan(), 'same', member({ idempotency_key: 'k' }));
    await expect(ride.started).rejects.toThrow('the lease is over');
    expect(await loads()).toEqual([]);
  });

  it('fails all members of a run that cannot start, and frees its slot', async () => {
    const failure = new Error('no engine');
    let failing = true;
    const { launcher, loads } = harness({
      start: () => (failing ? Promise.reject(failure) : Promise.resolve({ eager: true })),
    });
    const all = board(launcher, 2);
    await expect(all[0]!.ride.started).rejects.toBe(failure);
    await expect(all[1]!.ride.started).rejects.toBe(failure);
    failing = false;
    const [next] = board(launcher, 1);
    await next!.ride.started;
    expect(await loads()).toHaveLength(3);
  });
});
