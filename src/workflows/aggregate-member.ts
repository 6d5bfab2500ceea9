import type { Ending } from '../activities/types';
import type { Plan } from '../contract/plan';
import type { RegoDecisions } from '../contract/rego-decisions';
import { resolveConflict } from '../domain/conflict';
import { buildPayload } from '../domain/payload';
import type { MemberState } from './member-state';

export type Aggregated = Omit<Ending, 'mapping'>;

/** Settles one member under a guard of its own: what goes wrong here is its outcome, not the run's (design.md 7, 15). */
export function aggregateMember(
  plan: Plan,
  state: MemberState,
  coverage: number,
  decisions: RegoDecisions,
): Aggregated {
  const ending = {
    request_id: state.member.request_id,
    results: state.results,
    coverage,
    decisions,
    cancelled: state.cancelled,
    conflict: null,
    payload: null,
    aggregation_failed: false,
  };
  if (!state.hasSuccess) return ending;
  try {
    const { results } = ending;
    const conflict = resolveConflict(plan, results, decisions.conflict);
    const payload = buildPayload({ plan, requestId: state.member.request_id, results, coverage, conflict });
    return { ...ending, conflict, payload };
  } catch {
    return { ...ending, aggregation_failed: true };
  }
}
