import { findings } from '../../support/fake-detectors';
import { System } from '../../support/system';
import {
  callsAbout,
  finalStatus,
  hangingUntilSwitched,
  insist,
  outcomes,
  type Repeatable,
  repeatable,
  send,
  settled,
} from './support';

interface Crash {
  readonly at: string;
  /** How often the point is reached by one sync and by one async request. */
  readonly sync: number;
  readonly async: number;
  /** Outcomes that unkeyed requests leave whose answer was lost: the client repeats them as new ones. */
  readonly orphans: Record<string, number>;
  /** Detector c does not answer before the kill. */
  readonly hung?: boolean;
}

const crashes: readonly Crash[] = [
  { at: 'before_claim', sync: 1, async: 1, orphans: {} },
  // An unkeyed job that nobody was told of ends as failed; an unkeyed sync request leaves nothing.
  { at: 'claimed', sync: 1, async: 1, orphans: { failed: 1 } },
  { at: 'started', sync: 1, async: 1, orphans: { completed: 2 }, hung: true },
  // Jobs run in whatever process has room for one: what becomes of those is told by worker-killed.test.ts.
  { at: 'detecting', sync: 3, async: 0, orphans: { completed: 1 } },
  { at: 'publishing', sync: 1, async: 0, orphans: { completed: 1 } },
  { at: 'published', sync: 1, async: 0, orphans: { completed: 1 } },
  { at: 'answering', sync: 1, async: 0, orphans: { completed: 1 } },
  { at: 'converting', sync: 1, async: 0, orphans: { completed: 1 }, hung: true },
  { at: 'converted', sync: 1, async: 0, orphans: { completed: 1 }, hung: true },
];

const detectors = ['a', 'b', 'c'];

describe('a facade killed while requests are under way', () => {
  let system: System;
  let survivor: string;
  beforeAll(async () => {
    system = await System.start({
      env: {
        // One run for each request, so that it is known how often a point is reached.
        ORCHESTRATION_ORCHESTRATION__SHARED_RUNS: 'false',
      },
    });
    survivor = system.url;
  });
  afterAll(() => system?.stop());

  it.each(crashes)(
    '$at: one outcome for each accepted request, and no claim stays [9] [4.6]',
    async (crash) => {
      const before = await outcomes(system);
      const c = hangingUntilSwitched(findings());
      system.detectors.reset();
      system.detectors.behave('c', crash.hung ? c.behavior : findings());
      const doomed = await system.startPart('api', { CONCLAVE_PAUSE_AT: crash.at });
      const modes = crash.async > 0 ? (['sync', 'async'] as const) : (['sync'] as const);
      const keyed = modes.map((mode) => repeatable(system, mode, true));
      const unkeyed = modes.map((mode) => repeatable(system, mode, false));
      const requests = [...keyed, ...unkeyed];
      const lost = requests.map((request) => send(system, request));
      await doomed.paused(crash.at, 2 * (crash.sync + crash.async));
      await doomed.kill();
      c.switch();
      system.url = survivor;
      await Promise.all(lost);

      const answers = await Promise.all(requests.map((request) => insist(system, request)));
      expect(await Promise.all(answers.map((answer) => finalStatus(system, answer)))).toEqual(
        requests.map(() => 'completed'),
      );
      await settled(system);
      expect(added(before, await outcomes(system))).toEqual(
        sum(crash.orphans, { completed: requests.length }),
      );
      for (const request of keyed) expectSameAttempt(request);
      await expectReplay(keyed);
    },
  );

  /** A repeat after a crash carries the Idempotency-Key of the call it repeats. */
  function expectSameAttempt(request: Repeatable): void {
    for (const detector of detectors) {
      const keys = callsAbout(system, request, detector).map(({ headers }) => headers['idempotency-key']);
      expect(new Set(keys).size).toBe(1);
      expect(keys.length).toBeLessThanOrEqual(2);
    }
  }

  async function expectReplay(requests: readonly Repeatable[]): Promise<void> {
    const calls = system.detectors.calls.length;
    for (const request of requests) {
      const replay = await insist(system, request);
      expect([replay.status, replay.headers.get('idempotency-replayed')]).toEqual([200, 'true']);
    }
    expect(system.detectors.calls.length).toBe(calls);
  }
});

type Tally = Readonly<Record<string, number>>;

function added(before: Tally, after: Tally): Tally {
  return Object.fromEntries(
    Object.entries(after)
      .map(([status, n]) => [status, n - (before[status] ?? 0)] as const)
      .filter(([, n]) => n !== 0),
  );
}

function sum(a: Tally, b: Tally): Tally {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return Object.fromEntries([...keys].map((key) => [key, (a[key] ?? 0) + (b[key] ?? 0)]));
}
