import { z } from 'zod';
import { decidedByName } from './decided-names';
import {
  type ContentType,
  type Environment,
  type FailureAction,
  type FailureCause,
  failureActions,
  type Priority,
} from './enums';
import type { TenantPolicy } from './policy';

/** What Rego sees when it says what failures of detectors mean. */
export interface FailureInput {
  readonly tenant_id: string;
  readonly policy_bundle: string;
  readonly environment: Environment;
  readonly content_type: ContentType;
  readonly priority: Priority;
  /** Of detectors that were to judge. */
  readonly failures: readonly {
    readonly detector: string;
    readonly cause: FailureCause;
    readonly taxonomy_categories: readonly string[];
    /** What the static rules make of it. */
    readonly static_action: FailureAction;
  }[];
  readonly policy: TenantPolicy;
}

export const failureDecisionSchema = z.object({
  /** By detector; the static rules decide on those that are not named. */
  actions: decidedByName(z.enum(failureActions)),
  failure_reason: z.string().max(200).optional(),
});
export type FailureDecision = z.output<typeof failureDecisionSchema>;
