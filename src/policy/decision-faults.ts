import type { ContentRouting, ContentRoutingInput } from '../contract/content-routing';
import type {
  ConflictDecision,
  ConflictInput,
  SelectionDecision,
  SelectionInput,
} from '../contract/decisions';
import type { FailureDecision, FailureInput } from '../contract/failure-decision';
import { decisionFault, mustRun } from '../domain/select';

/** Names the plan does not hold, or weights that do not sum to 1 (spec/orchestration.md 9.3, Invalid decision). */
export function selectionFault(decision: SelectionDecision, input: SelectionInput): string | null {
  const shown = [...input.candidate_detectors.map(({ name }) => name), ...input.required_detectors];
  return decisionFault(decision, shown, input.policy);
}

/** Routing cannot take away what must run: it would buy coverage. */
export function routingFault(
  { add_detectors: added = [], skip_detectors: skipped = [] }: ContentRouting,
  input: ContentRoutingInput,
): string | null {
  const candidates = new Set(input.candidate_detectors.map(({ name }) => name));
  const unknown = [...added, ...skipped].find((name) => !candidates.has(name));
  if (unknown !== undefined) return `unknown_detector: ${unknown}`;
  const needed = mustRun(input.policy, input.required_detectors);
  const missed = skipped.find((name) => needed.has(name));
  if (missed !== undefined) return `skips_required_detector: ${missed}`;
  const both = added.find((name) => skipped.includes(name));
  return both === undefined ? null : `adds_and_skips: ${both}`;
}

export function conflictFault(
  { winning_detector: preferred }: ConflictDecision,
  input: ConflictInput,
): string | null {
  const planned = [...Object.keys(input.weights), ...input.detector_outputs.map(({ detector }) => detector)];
  return preferred === undefined || planned.includes(preferred) ? null : 'prefers an unknown detector';
}

/** Nothing opens what was refused for its credentials (docs/failure-policy.md). */
export function failureFault({ actions }: FailureDecision, { failures }: FailureInput): string | null {
  const causes = new Map(failures.map(({ detector, cause }) => [detector, cause]));
  for (const [detector, action] of Object.entries(actions)) {
    if (!causes.has(detector)) return `unknown_detector: ${detector}`;
    if (action === 'fail_open' && causes.get(detector) === 'credentials')
      return `opens_credentials: ${detector}`;
  }
  return null;
}
