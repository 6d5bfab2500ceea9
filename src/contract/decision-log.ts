import { z } from 'zod';
import { storableText } from './text';

export const policyDecisions = ['selection', 'routing', 'coverage', 'conflict', 'failure'] as const;
export type PolicyDecision = (typeof policyDecisions)[number];

/**
 * What came of asking a rule. `trap`: the policy threw; `slow`: it was ended; `invalid`: no usable value; `unavailable`:
 * not asked. Under all but `decision` the static fields decided.
 */
export const decisionOutcomes = ['decision', 'trap', 'slow', 'invalid', 'unavailable'] as const;

/** One asking of a rule; its input shows as a digest only. */
const loggedDecisionSchema = z
  .strictObject({
    decision_id: z.uuid(),
    request_id: z.uuid(),
    tenant_id: z.string(),
    policy_bundle: z.string(),
    policy_version: z.string(),
    policy_digest: z.string(),
    /** Under `data.orchestration`. */
    decision: z.enum(policyDecisions),
    /** SHA-256 of the input as JSON, in hex. */
    input_digest: z.string(),
    outcome: z.enum(decisionOutcomes),
    /** As it was used, without personal data and credentials; null where it was not. */
    result: z.record(z.string(), z.json()).nullable(),
    /** Why there is no result. */
    detail: z.string().nullable(),
    duration_ms: z.number().nonnegative(),
    timestamp: z.iso.datetime({ precision: 3 }),
  })
  .meta({ id: 'LoggedDecision' });
export type LoggedDecision = z.output<typeof loggedDecisionSchema>;

export const decisionQuerySchema = z.strictObject({
  request_id: z.uuid().optional(),
  policy_bundle: storableText(0, 100).optional(),
  decision: z.enum(policyDecisions).optional(),
  outcome: z.enum(decisionOutcomes).optional(),
  from: z.iso.datetime({ offset: true }).optional(),
  to: z.iso.datetime({ offset: true }).optional(),
});
export type DecisionQuery = z.output<typeof decisionQuerySchema>;

export const decisionListSchema = z
  .strictObject({
    decisions: z.array(loggedDecisionSchema),
    total_count: z.int().nonnegative(),
    next_page_token: z.string().optional(),
  })
  .meta({ id: 'DecisionList' });
export type DecisionList = z.output<typeof decisionListSchema>;
