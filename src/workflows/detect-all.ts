import type { Lateness, RunContext } from '../activities/types';
import type { Plan } from '../contract/plan';
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
  for (;;) {
    await runStage(run, plan, stage, party);
    const late = party.filter((state) => !state.cancelled && stage.some((name) => state.late.has(name)));
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
  const waiting = plan.detectors.filter(({ name }) => stage.includes(name));
  async function serve(): Promise<void> {
    for (let detector = waiting.shift(); detector; detector = waiting.shift()) {
      const asking = detector;
      const members = states.filter((state) => state.wants(asking));
      if (members.length === 0) continue;
      const { results, cancelled, late } = await askDetector(
        run,
        plan,
        detector,
        members.map((state) => state.member),
        furthest(members.flatMap((state) => state.late.get(asking.name) ?? [])),
      );
      for (const state of members) {
        const { request_id: requestId } = state.member;
        const result = results[requestId];
        if (result) state.record(result);
        if (late?.[requestId]) state.late.set(asking.name, late[requestId]);
        if (cancelled.includes(requestId)) state.cancelled = true;
      }
    }
  }
  await Promise.all(Array.from({ length: plan.max_concurrent_detectors }, serve));
}

function furthest(all: readonly Lateness[]): Lateness | undefined {
  return all.toSorted((a, b) => b.attempts - a.attempts)[0];
}
