import type { ConflictDecision, CoverageDecision } from './decisions';
import type { FailureDecision } from './failure-decision';

/** What Rego made of results. Null where the bundle has no such rule, or the rule failed; then `failed` is true and static rules stand in. */
export interface RegoDecisions {
  readonly coverage: CoverageDecision | null;
  readonly conflict: ConflictDecision | null;
  /** Absent in what earlier releases have decided. */
  readonly failure?: FailureDecision | null;
  readonly failed: boolean;
  /** One of those that failed gave an answer that cannot be used; absent: none did, or the release did not tell. */
  readonly invalid?: true;
}
