import type { Lateness, RunContext } from '../activities/types';
import type { Plan, PlannedDetector } from '../contract/plan';
import { alternateOf } from '../domain/alternates';
import { primariesFellShort } from '../domain/coverage';
import { askDetector } from './detector-stage';
import type { MemberState } from './member-state';

/** @returns the members that are left when the late ones have gone */
type Leave = (late: readonly MemberState[]) => readonly MemberState[];

/**
 * Has the detectors judge the members, stage by stage; secondaries for those whose primaries fell short, who leave the
 * others for it.
 */
export async function detectAll(
  run: RunContext,
  plan: Plan,
  states: readonly MemberState[],
  leave: Leave,
): Promise<void> {
  let party = states;
  for (const stage of plan.primary_stages) party = await settleStage(run, plan, stage, party, leave);
  for (const stage of plan.secondary_stages) {
    const short = party.filter(
      (state) => primariesFellShort(plan, state.results) && Date.now() < state.member.cut_at,
    );
    if (short.length === 0) continue;
    if (short.length < party.length) party = leave(short);
    else party = await settleStage(run, plan, stage, party, leave);
  }
}

/** Asks until nobody of the party is late: late ones leave it, or it goes on together when all are. */
async function settleStage(
  run: RunContext,
  plan: Plan,
  stage: readonly string[],
  party: readonly MemberState[],
  leave: Leave,
): Promise<readonly MemberState[]> {
  const asked = membersOf(plan, stage).flatMap((detector) =>
    [...withAlternates(plan, detector)].map(([{ name }]) => name),
  );
  for (;;) {
    await runStage(run, plan, stage, party);
    const late = party.filter((state) => !state.cancelled && asked.some((name) => state.late.has(name)));
    if (late.length === 0) return party;
    if (late.length < party.length) return leave(late);
  }
}

async function runStage(
  run: RunContext,
  plan: Plan,
  stage: readonly string[],
  states: readonly MemberState[],
): Promise<void> {
  const waiting = membersOf(plan, stage);
  // Two that fail may have one alternate.
  const asked = new Map<string, Set<MemberState>>();
  async function serve(): Promise<void> {
    for (let detector = waiting.shift(); detector; detector = waiting.shift()) {
      for (const [asking, missing] of withAlternates(plan, detector)) {
        const already = asked.get(asking.name) ?? new Set();
        asked.set(asking.name, already);
        const members = states.filter(
          (state) =>
            !already.has(state) &&
            (!missing || state.late.has(asking.name) || state.misses(missing)) &&
            state.wants(asking),
        );
        for (const state of members) already.add(state);
        if (members.length > 0) await judge(run, plan, asking, members);
      }
    }
  }
  await Promise.all(Array.from({ length: plan.max_concurrent_detectors }, serve));
}

function membersOf(plan: Plan, stage: readonly string[]): PlannedDetector[] {
  return plan.detectors.filter(({ name }) => stage.includes(name));
}

/** A detector, then who is asked in whose place. */
function* withAlternates(
  plan: Plan,
  detector: PlannedDetector,
): Generator<readonly [asking: PlannedDetector, missing: PlannedDetector | null]> {
  yield [detector, null];
  const passed = [detector];
  for (let missing = detector; ;) {
    const alternate = alternateOf(plan, missing);
    if (!alternate || passed.includes(alternate)) return;
    yield [alternate, missing];
    passed.push(alternate);
    missing = alternate;
  }
}

async function judge(
  run: RunContext,
  plan: Plan,
  detector: PlannedDetector,
  states: readonly MemberState[],
): Promise<void> {
  const { results, cancelled, late } = await askDetector(
    run,
    plan,
    detector,
    states.map((state) => state.member),
    furthest(states.flatMap((state) => state.late.get(detector.name) ?? [])),
  );
  for (const state of states) {
    const { request_id: requestId } = state.member;
    const result = results[requestId];
    if (result) state.record(result);
    if (late?.[requestId]) state.late.set(detector.name, late[requestId]);
    if (cancelled.includes(requestId)) state.cancelled = true;
  }
}

function furthest(all: readonly Lateness[]): Lateness | undefined {
  return all.toSorted((a, b) => b.attempts - a.attempts)[0];
}
