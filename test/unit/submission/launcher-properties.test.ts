import fc from 'fast-check';
import type { DetectorAttempts } from '../../../src/activities/detector-attempts';
import { DetectorMemo } from '../../../src/activities/detector-memo';
import { RunInputs } from '../../../src/activities/run-inputs';
import type { Plan, RunInput } from '../../../src/contract/plan';
import type { Runs } from '../../../src/store/runs';
import { Launcher, type Ride } from '../../../src/submission/launcher';
import type { RunGateway } from '../../../src/submission/run-gateway';
import { planned, planOf } from '../domain/support';
import { memberOf } from './support';

/** Fewer cases than elsewhere: each is a whole day of arrivals. */
const cases = { numRuns: 100 };
const slots = 2;
const tenants = ['t0', 't1', 't2'];
const priorities = ['high', 'normal', 'low'] as const;

/** A request arrives, or a run in flight has all its answers, or who waits loses patience. */
const arrival = fc.record({
  kind: fc.constant('arrival' as const),
  tenant: fc.constantFrom(...tenants),
  bundle: fc.constantFrom('b0', 'b1'),
  priority: fc.constantFrom(...priorities),
  // Some do not fit many to a run, some ride alone.
  bytes: fc.constantFrom(10, 500, 4096, 5000),
});
const answered = fc.record({ kind: fc.constant('answered' as const), which: fc.nat() });
const impatient = fc.record({ kind: fc.constant('impatient' as const), which: fc.nat() });
const events = fc.array(
  fc.oneof(
    { arbitrary: arrival, weight: 6 },
    { arbitrary: answered, weight: 2 },
    { arbitrary: impatient, weight: 1 },
  ),
  { maxLength: 120 },
);

type Valued<A> = A extends fc.Arbitrary<infer Value> ? Value : never;
type Arrival = Valued<typeof arrival>;
type Event = Arrival | Valued<typeof answered> | Valued<typeof impatient>;

/** What boarded has reached the engine, which takes a few turns. */
async function takenOff(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

interface Traveler {
  readonly ride: Ride;
  readonly plan: Plan;
  readonly alone: boolean;
}

/** A launcher and what a test sees of it. */
class Airport {
  readonly runs: RunInput[] = [];
  readonly travelers = new Map<string, Traveler>();
  readonly inFlight = new Map<string, string[]>();
  /** Tenants in the order in which they were given a slot, and who else waited then. */
  readonly served: { readonly tenant: string; readonly priority: string; readonly waiting: Traveler[] }[] =
    [];
  readonly #launcher: Launcher;

  constructor() {
    const gateway = {
      start: (input: RunInput) => {
        this.#takeOff(input);
        return Promise.resolve({ eager: true });
      },
    } as unknown as RunGateway;
    const nothing = () => Promise.resolve();
    this.#launcher = new Launcher({
      runs: { open: nothing, assign: () => Promise.resolve(new Set()) } as unknown as Runs,
      gateway,
      memo: new DetectorMemo(),
      inputs: new RunInputs(() => Promise.resolve(null)),
      attempts: { make: () => Promise.resolve(new Map()) } as unknown as DetectorAttempts,
      processId: 'p',
      sharing: true,
    });
  }

  get waiting(): Traveler[] {
    return [...this.travelers.values()].filter(({ ride }) => ride.runId() === null);
  }

  arrive({ tenant, bundle, priority, bytes }: Arrival): void {
    const plan = planOf([planned('a')], { tenant_id: tenant, policy_bundle: bundle, priority });
    const id = `${this.travelers.size}`;
    const member = memberOf({ request_id: id, content: 'x'.repeat(bytes) });
    const digest = `${tenant}/${bundle}/${priority}`;
    const ride = this.#launcher.board(plan, digest, member);
    this.travelers.set(id, { ride, plan, alone: bytes > 4096 });
  }

  /** All members of a run are answered. */
  land(which: number): void {
    const runId = [...this.inFlight.keys()][which % this.inFlight.size];
    if (runId === undefined) return;
    for (const id of this.inFlight.get(runId)!) this.travelers.get(id)!.ride.done();
    this.inFlight.delete(runId);
  }

  hurry(which: number): void {
    const { waiting } = this;
    waiting[which % waiting.length]?.ride.hurry();
  }

  #takeOff(input: RunInput): void {
    this.runs.push(input);
    this.inFlight.set(
      input.run_id,
      input.members.map(({ request_id: id }) => id),
    );
  }
}

async function play(given: readonly Event[]) {
  const airport = new Airport();
  for (const event of given) {
    if (event.kind === 'arrival') airport.arrive(event);
    else if (event.kind === 'answered') airport.land(event.which);
    else airport.hurry(event.which);
    await takenOff();
  }
  return airport;
}

describe('whatever arrives, and whenever runs end', () => {
  // Time stands still: no run is overdue, and none has to keep its distance from the one before.
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('every request flies exactly once', async () => {
    await fc.assert(
      fc.asyncProperty(events, async (given) => {
        const airport = await play(given);
        while (airport.inFlight.size > 0) {
          airport.land(0);
          await takenOff();
        }
        const flown = airport.runs.flatMap(({ members }) => members.map(({ request_id: id }) => id));
        expect(flown.toSorted()).toEqual([...airport.travelers.keys()].toSorted());
        expect(airport.waiting).toEqual([]);
      }),
      cases,
    );
  });

  it('a run is of one tenant and plan, in order of arrival, and within its bounds', async () => {
    await fc.assert(
      fc.asyncProperty(events, async (given) => {
        const { runs, travelers } = await play(given);
        for (const { plan, members } of runs) {
          const aboard = members.map(({ request_id: id }) => travelers.get(id)!);
          for (const traveler of aboard) expect(traveler.plan).toEqual(plan);
          const ids = members.map(({ request_id: id }) => Number(id));
          expect(ids).toEqual(ids.toSorted((a, b) => a - b));
          expect(members.length).toBeLessThanOrEqual(256);
          if (members.length === 1) continue;
          expect(aboard.some(({ alone }) => alone)).toBe(false);
          const bytes = members.reduce((sum, { content }) => sum + content.length, 0);
          expect(bytes).toBeLessThanOrEqual(96 * 1024);
        }
      }),
      cases,
    );
  });

  it('nobody waits while a slot is free, and no tenant holds more than half of them while another waits', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(arrival, answered), { maxLength: 80 }), async (given) => {
        const airport = new Airport();
        for (const event of given) {
          if (event.kind === 'arrival') airport.arrive(event);
          else {
            const contending = new Set(airport.waiting.map(({ plan }) => plan.tenant_id));
            const before = airport.runs.length;
            airport.land(event.which);
            await takenOff();
            const started = airport.runs.slice(before).filter((run) => !ridesAlone(airport, run));
            for (const { plan } of started) {
              if (contending.size < 2) continue;
              expect(heldBy(airport, plan.tenant_id)).toBeLessThanOrEqual(slots / 2);
            }
          }
          await takenOff();
          const taken = [...airport.inFlight.keys()].filter(
            (id) =>
              !ridesAlone(
                airport,
                airport.runs.find((run) => run.run_id === id)!,
              ),
          );
          if (airport.waiting.length > 0) expect(taken.length).toBe(slots);
          expect(taken.length).toBeLessThanOrEqual(slots);
        }
      }),
      cases,
    );
  });

  it('no tenant that waits is passed over by others of its priority more than once each', async () => {
    const even = arrival.map((one) => ({ ...one, priority: 'normal' as const, bytes: 10 as const }));
    await fc.assert(
      fc.asyncProperty(fc.array(even, { minLength: 10, maxLength: 60 }), async (arrivals) => {
        const airport = new Airport();
        for (const one of arrivals) airport.arrive(one);
        await takenOff();
        const passed = new Map<string, string[]>();
        while (airport.waiting.length > 0) {
          const waitingNow = new Set(airport.waiting.map(({ plan }) => plan.tenant_id));
          const before = airport.runs.length;
          airport.land(0);
          await takenOff();
          for (const { plan } of airport.runs.slice(before)) {
            for (const tenant of waitingNow) {
              if (tenant === plan.tenant_id) passed.delete(tenant);
              else passed.set(tenant, [...(passed.get(tenant) ?? []), plan.tenant_id]);
            }
          }
          for (const others of passed.values()) {
            // Two slots, so each other tenant may go ahead twice before the one that holds a slot may again.
            expect(others.length).toBeLessThanOrEqual(2 * (tenants.length - 1));
          }
        }
      }),
      cases,
    );
  });
});

function ridesAlone(airport: Airport, { members }: RunInput): boolean {
  return airport.travelers.get(members[0]!.request_id)!.alone;
}

function heldBy(airport: Airport, tenant: string): number {
  return [...airport.inFlight.keys()]
    .map((id) => airport.runs.find((run) => run.run_id === id)!)
    .filter((run) => run.plan.tenant_id === tenant && !ridesAlone(airport, run)).length;
}
