import { randomUUID } from 'node:crypto';
import type { DetectorAttempts } from '../activities/detector-attempts';
import type { DetectorMemo } from '../activities/detector-memo';
import type { RunInputs } from '../activities/run-inputs';
import type { Member, Plan, RunInput } from '../contract/plan';
import { assertLease, leaseEnd } from '../store/lease';
import type { Runs } from '../store/runs';
import { MemberState } from '../workflows/member-state';
import type { Companions } from './companions';
import type { RunGateway } from './run-gateway';
import { slotCount, Slots } from './slots';

export interface LauncherDependencies {
  readonly runs: Runs;
  readonly gateway: RunGateway;
  readonly memo: DetectorMemo;
  readonly inputs: RunInputs;
  readonly attempts: DetectorAttempts;
  readonly processId: string;
  /** Off: a run for every request. */
  readonly sharing: boolean;
}

/** A member on board, or waiting for the next run of its plan. */
export interface Ride {
  /** Settles when the run has started, with its id; rejects when it could not be. */
  readonly started: Promise<string>;
  /** Null while it waits. */
  readonly runId: () => string | null;
  /** Starts a member that still waits at once, without a slot: what becomes a job must be durable first. */
  readonly hurry: () => void;
  /** The member is answered, or nobody waits for it any more. */
  readonly done: () => void;
}

/** While this process was held up another took the request's claim over: the answer is there. */
export class OvertakenError extends Error {
  override readonly name = 'OvertakenError';
}

const maxMembers = 256;
export const maxRunBytes = 96 * 1024;
const maxSharedContent = 4 * 1024;
/** What a member adds to the run's input beside its content, compressed. */
const memberOverheadBytes = 160;

interface BoardingOptions {
  /** Who board first, all of them, before the member may leave. */
  readonly companions?: Companions | undefined;
  /** Called when the member is on its way, waiting no longer. */
  readonly launched?: () => void;
}

interface Passenger {
  readonly plan: Plan;
  readonly digest: string;
  readonly member: Member;
  readonly bytes: number;
  readonly companions: Companions | null;
  runId: string | null;
  readonly launched: () => void;
  readonly start: (runId: string) => void;
  readonly fail: (error: unknown) => void;
}

/**
 * Group commit (design.md 2 and 7): a request starts at once when a slot is free; those of equal plans that come while
 * the slots are taken share the next run. Nobody waits for company.
 */
export class Launcher {
  readonly #waiting: Passenger[] = [];
  readonly #slots = new Slots(() => this.#dispatch());
  /** When each tenant was last served, as a count: who waited longest goes first among equals. */
  readonly #served = new Map<string, number>();
  #turn = 0;
  #wakeUp: NodeJS.Timeout | null = null;

  constructor(private readonly deps: LauncherDependencies) {}

  board(plan: Plan, digest: string, member: Member, options: BoardingOptions = {}): Ride {
    let start: (runId: string) => void = () => undefined;
    let fail: (error: unknown) => void = () => undefined;
    const started = new Promise<string>((resolve, reject) => {
      start = resolve;
      fail = reject;
    });
    // A ride that nobody watches any more may fail unseen.
    started.catch(() => undefined);
    const { companions = null, launched = () => undefined } = options;
    const bytes = memberBytes(member);
    const passenger: Passenger = {
      plan,
      digest,
      member,
      bytes,
      companions,
      runId: null,
      launched,
      start,
      fail,
    };
    if (!this.ridesAlone(plan, member)) {
      this.#waiting.push(passenger);
      companions?.arrive(member.request_id);
      if (companions) companions.whenGathered(() => this.#dispatch());
      else this.#dispatch();
    } else {
      void this.#fly([passenger], 'alone');
    }
    return {
      started,
      runId: () => passenger.runId,
      hurry: () => {
        if (!this.#waiting.includes(passenger)) return;
        // Who waits with it is late as well, or nearly.
        const late = this.#sharersOf(passenger);
        for (const each of late) this.#leaveQueue(each);
        void this.#fly(late, 'alone');
      },
      done: () => this.#answered(passenger),
    };
  }

  ridesAlone(plan: Plan, passenger: Shareable): boolean {
    return !this.deps.sharing || !mayShare(plan, passenger);
  }

  #dispatch(): void {
    while (this.#waiting.length > 0 && this.#slots.free > 0) {
      const next = this.#next();
      if (next.length === 0) return this.#dispatchLater();
      for (const passenger of next) this.#leaveQueue(passenger);
      this.#served.set(next[0]!.plan.tenant_id, ++this.#turn);
      void this.#fly(next, 'shared');
    }
  }

  /** When the first of those who wait may depart. */
  #dispatchLater(): void {
    const delays = [...this.#tenantsWaiting()].map((tenantId) => this.#slots.delayOf(tenantId));
    const soonest = Math.min(...delays.filter((delay) => delay > 0));
    if (this.#wakeUp !== null || soonest === Infinity) return;
    this.#wakeUp = setTimeout(() => {
      this.#wakeUp = null;
      this.#dispatch();
    }, soonest).unref();
  }

  #tenantsWaiting(): Set<string> {
    return new Set(this.#waiting.map(({ plan }) => plan.tenant_id));
  }

  /** All that may share the next run: of the highest priority waiting, and there of the tenant served longest ago. */
  #next(): Passenger[] {
    const tenants = this.#tenantsWaiting();
    const mayDepart = new Map([...tenants].map((tenantId) => [tenantId, this.#mayDepart(tenantId, tenants)]));
    const eligible = this.#waiting.filter(
      ({ plan, companions }) => companions?.gathered !== false && mayDepart.get(plan.tenant_id),
    );
    const first = eligible.toSorted(
      (a, b) =>
        urgency[a.plan.priority] - urgency[b.plan.priority] ||
        (this.#served.get(a.plan.tenant_id) ?? 0) - (this.#served.get(b.plan.tenant_id) ?? 0),
    )[0];
    if (!first) return [];
    return this.#sharersOf(first);
  }

  /** A waiting member and those who may ride with it. */
  #sharersOf(first: Passenger): Passenger[] {
    const sharing = [first];
    let { bytes } = first;
    for (const passenger of this.#waiting) {
      if (passenger === first || passenger.digest !== first.digest) continue;
      if (passenger.companions?.gathered === false) continue;
      bytes += passenger.bytes;
      if (bytes > maxRunBytes || sharing.length === maxMembers) break;
      sharing.push(passenger);
    }
    return sharing;
  }

  #mayDepart(tenantId: string, waiting: ReadonlySet<string>): boolean {
    // Under contention a tenant holds at most half the slots.
    if (waiting.size > 1 && this.#slots.heldBy(tenantId) >= slotCount / 2) return false;
    return this.#waiting.length >= maxMembers || this.#slots.delayOf(tenantId) === 0;
  }

  async #fly(passengers: readonly Passenger[], how: 'shared' | 'alone'): Promise<void> {
    const runId = randomUUID();
    const { plan } = passengers[0]!;
    const members = passengers.map(({ member }) => member);
    const input: RunInput = { run_id: runId, facade_id: this.deps.processId, recovery: 0, plan, members };
    for (const passenger of passengers) {
      passenger.runId = runId;
      passenger.launched();
    }
    if (how === 'shared') {
      this.#slots.take(
        runId,
        plan.tenant_id,
        members.map(({ request_id }) => request_id),
      );
    }
    const { memo, inputs, runs, gateway } = this.deps;
    memo.markBornHere(runId);
    inputs.put(input);
    const issued = this.#issueFirstStage(input);
    try {
      // A claim leads to its run before there can be one: who follows it must not find it dead.
      const assignedAt = Date.now();
      const opened = runs.open(runId, plan.tenant_id);
      opened.catch(() => undefined);
      const claimants = keyed(members);
      const held = await runs.assign(claimants, runId);
      // Nor must it find a run that nobody can read, should this process die before the key is stored.
      if (claimants.length > 0) await opened;
      if (claimants.some((id) => !held.has(id))) {
        memo.abandon(runId, issued);
        this.#flyWithout(passengers, held, how);
        return;
      }
      assertLease(assignedAt);
      const deadline = Math.min(leaseEnd(assignedAt), ...members.map((member) => member.sla_at));
      const [, { eager }] = await Promise.all([opened, gateway.start(input, deadline)]);
      if (!eager) memo.abandon(runId, issued);
      for (const passenger of passengers) passenger.start(runId);
    } catch (error) {
      memo.abandon(runId, issued);
      this.#slots.giveBack(runId);
      for (const passenger of passengers) passenger.fail(error);
    }
  }

  /** Those whose claims others have taken over stay behind. */
  #flyWithout(passengers: readonly Passenger[], held: ReadonlySet<string>, how: 'shared' | 'alone'): void {
    const left = passengers[0]!.runId!;
    const stays = ({ member }: Passenger): boolean =>
      member.idempotency_key !== null && !held.has(member.request_id);
    for (const passenger of passengers.filter(stays)) passenger.fail(new OvertakenError());
    const rest = passengers.filter((passenger) => !stays(passenger));
    if (rest.length > 0) void this.#fly(rest, how);
    this.#slots.giveBack(left);
  }

  /** The first stage's calls go out in parallel with the start; the run adopts them (design.md 7, 1). */
  #issueFirstStage({ run_id, facade_id, plan, members }: RunInput): string[] {
    if (plan.lane !== 'fast') return [];
    const states = members.map((member) => new MemberState(member, plan));
    const stage = plan.primary_stages[0] ?? [];
    const issued: string[] = [];
    for (const detector of plan.detectors
      .filter(({ name }) => stage.includes(name))
      .slice(0, plan.max_concurrent_detectors)) {
      const wanting = states.filter((state) => state.wants(detector)).map((state) => state.member);
      if (wanting.length === 0) continue;
      issued.push(detector.name);
      const input = {
        run: { run_id, facade_id },
        plan,
        detector,
        members: wanting,
      };
      const attempt = { input, members: wanting, number: 1, startedAt: Date.now() };
      this.deps.memo.issue(run_id, detector.name, (signal, answered) =>
        this.deps.attempts.make({ ...attempt, signal, answered }),
      );
    }
    return issued;
  }

  #leaveQueue(passenger: Passenger): boolean {
    const at = this.#waiting.indexOf(passenger);
    if (at === -1) return false;
    this.#waiting.splice(at, 1);
    return true;
  }

  #answered(passenger: Passenger): void {
    this.#leaveQueue(passenger);
    const { runId, member } = passenger;
    if (runId !== null) this.#slots.answered(runId, member.request_id);
  }
}

const urgency = { critical: 0, high: 1, normal: 2, low: 3 } as const;

export function memberBytes(member: Member): number {
  return Buffer.byteLength(member.content) + memberOverheadBytes;
}

interface Shareable {
  readonly content: string;
  readonly metadata?: object | null | undefined;
}

/** What rides alone: design.md 7, 7. */
function mayShare(plan: Plan, { content, metadata }: Shareable): boolean {
  return (
    plan.lane === 'fast' &&
    plan.priority !== 'critical' &&
    plan.allow_async_conversion &&
    (metadata ?? null) === null &&
    Buffer.byteLength(content) <= maxSharedContent
  );
}

function keyed(members: readonly Member[]): string[] {
  return members.filter((member) => member.idempotency_key !== null).map((member) => member.request_id);
}
