import { randomUUID } from 'node:crypto';
import type { DetectorAttempts } from '../activities/detector-attempts';
import type { DetectorMemo } from '../activities/detector-memo';
import type { Member, Plan, RunInput } from '../contract/plan';
import type { OrchestrationRequest } from '../contract/request';
import type { Runs } from '../store/runs';
import { MemberState } from '../workflows/member-state';
import type { RunGateway } from './run-gateway';

export interface LauncherDependencies {
  readonly runs: Runs;
  readonly gateway: RunGateway;
  readonly memo: DetectorMemo;
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
  /** Starts a member that still waits, alone and at once: what becomes a job must be durable first. */
  readonly hurry: () => void;
  /** The member is answered, or nobody waits for it any more. */
  readonly done: () => void;
}

/** Few runs in flight: more were slower (design.md 7, 9). */
const slots = 2;
const maxMembers = 256;
const maxRunBytes = 96 * 1024;
const maxSharedContent = 4 * 1024;
/** What a member adds to the run's input beside its content, roughly. */
const memberOverheadBytes = 768;

interface Passenger {
  readonly plan: Plan;
  readonly digest: string;
  readonly member: Member;
  readonly bytes: number;
  runId: string | null;
  readonly launched: () => void;
  readonly start: (runId: string) => void;
  readonly fail: (error: unknown) => void;
}

interface Flight {
  readonly tenantId: string;
  readonly unanswered: Set<string>;
}

/**
 * Group commit (design.md 2 and 7): a request starts at once when a slot is free; those of equal plans that come while
 * the slots are taken share the next run. Nobody waits for company.
 */
export class Launcher {
  readonly #waiting: Passenger[] = [];
  readonly #flights = new Map<string, Flight>();
  /** When each tenant was last served, as a count: who waited longest goes first among equals. */
  readonly #served = new Map<string, number>();
  #turn = 0;

  constructor(private readonly deps: LauncherDependencies) {}

  /** @param launched called when the member is on its way, waiting no longer */
  board(plan: Plan, digest: string, member: Member, launched: () => void = () => undefined): Ride {
    let start: (runId: string) => void = () => undefined;
    let fail: (error: unknown) => void = () => undefined;
    const started = new Promise<string>((resolve, reject) => {
      start = resolve;
      fail = reject;
    });
    // A ride that nobody watches any more may fail unseen.
    started.catch(() => undefined);
    const bytes = Buffer.byteLength(member.content) + memberOverheadBytes;
    const passenger: Passenger = { plan, digest, member, bytes, runId: null, launched, start, fail };
    if (this.deps.sharing && mayShare(plan, member)) {
      this.#waiting.push(passenger);
      this.#dispatch();
    } else {
      void this.#fly([passenger]);
    }
    return {
      started,
      runId: () => passenger.runId,
      hurry: () => {
        if (this.#leaveQueue(passenger)) void this.#fly([passenger]);
      },
      done: () => this.#answered(passenger),
    };
  }

  #dispatch(): void {
    while (this.#waiting.length > 0 && this.#flights.size < slots) {
      const next = this.#next();
      if (next.length === 0) return;
      for (const passenger of next) this.#leaveQueue(passenger);
      const flight = {
        tenantId: next[0]!.plan.tenant_id,
        unanswered: new Set(next.map((p) => p.member.request_id)),
      };
      this.#served.set(flight.tenantId, ++this.#turn);
      void this.#fly(next, flight);
    }
  }

  /** All that may share the next run: of the highest priority waiting, and there of the tenant served longest ago. */
  #next(): Passenger[] {
    const tenants = new Set(this.#waiting.map(({ plan }) => plan.tenant_id));
    const held = (tenantId: string) =>
      [...this.#flights.values()].filter((f) => f.tenantId === tenantId).length;
    // Under contention a tenant holds at most half the slots.
    const eligible = this.#waiting.filter(
      ({ plan }) => tenants.size === 1 || held(plan.tenant_id) < slots / 2,
    );
    const first = eligible.toSorted(
      (a, b) =>
        urgency[a.plan.priority] - urgency[b.plan.priority] ||
        (this.#served.get(a.plan.tenant_id) ?? 0) - (this.#served.get(b.plan.tenant_id) ?? 0),
    )[0];
    if (!first) return [];
    const sharing: Passenger[] = [];
    let bytes = 0;
    for (const passenger of this.#waiting) {
      if (passenger.digest !== first.digest) continue;
      bytes += passenger.bytes;
      if (sharing.length > 0 && (bytes > maxRunBytes || sharing.length === maxMembers)) break;
      sharing.push(passenger);
    }
    return sharing;
  }

  async #fly(passengers: readonly Passenger[], flight?: Flight): Promise<void> {
    const runId = randomUUID();
    const { plan } = passengers[0]!;
    const members = passengers.map(({ member }) => member);
    const input: RunInput = { run_id: runId, facade_id: this.deps.processId, recovery: 0, plan, members };
    for (const passenger of passengers) {
      passenger.runId = runId;
      passenger.launched();
    }
    if (flight) this.#flights.set(runId, flight);
    const { memo, runs, gateway } = this.deps;
    memo.markBornHere(runId);
    const issued = this.#issueFirstStage(input);
    try {
      const deadline = Math.min(...members.map((member) => member.sla_at));
      // A claim leads to its run before there can be one: who follows it must not find it dead.
      await runs.assign(keyed(members), runId);
      const [, { eager }] = await Promise.all([
        runs.open(runId, plan.tenant_id),
        gateway.start(input, deadline),
      ]);
      if (!eager) memo.abandon(runId, issued);
      for (const passenger of passengers) passenger.start(runId);
    } catch (error) {
      memo.abandon(runId, issued);
      this.#flights.delete(runId);
      for (const passenger of passengers) passenger.fail(error);
      this.#dispatch();
    }
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
        plan: { tenant_id: plan.tenant_id, content_type: plan.content_type },
        detector,
        members: wanting,
      };
      this.deps.memo.issue(run_id, detector.name, (signal) =>
        this.deps.attempts.make({ input, members: wanting, number: 1, startedAt: Date.now(), signal }),
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

  /** A slot frees when all its members are answered, so a hung detector blocks nobody (design.md 7, 9). */
  #answered(passenger: Passenger): void {
    this.#leaveQueue(passenger);
    const flight = passenger.runId === null ? undefined : this.#flights.get(passenger.runId);
    if (!flight) return;
    flight.unanswered.delete(passenger.member.request_id);
    if (flight.unanswered.size > 0) return;
    this.#flights.delete(passenger.runId!);
    this.#dispatch();
  }
}

const urgency = { critical: 0, high: 1, normal: 2, low: 3 } as const;

/** What rides alone whatever its plan: design.md 7, 7. */
export function ridesAlone({
  priority,
  metadata,
  content,
}: Pick<OrchestrationRequest, 'priority' | 'content'> & {
  readonly metadata?: object | null | undefined;
}): boolean {
  return (
    priority === 'critical' || (metadata ?? null) !== null || Buffer.byteLength(content) > maxSharedContent
  );
}

export function mayShare(
  plan: Pick<Plan, 'lane' | 'priority' | 'allow_async_conversion'>,
  { content, metadata }: { readonly content: string; readonly metadata?: object | null | undefined },
): boolean {
  return (
    plan.lane === 'fast' &&
    plan.allow_async_conversion &&
    !ridesAlone({ priority: plan.priority, content, metadata })
  );
}

function keyed(members: readonly Member[]): string[] {
  return members.filter((member) => member.idempotency_key !== null).map((member) => member.request_id);
}
