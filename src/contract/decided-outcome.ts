import { z } from 'zod';
import { failureActions } from './enums';

/**
 * `benign`: nothing was found; `adverse`: something was; `none`: nobody could say; `refused`: the policy denied the request
 * before anybody looked.
 */
export const verdictKinds = ['benign', 'adverse', 'none', 'refused'] as const;
export type VerdictKind = (typeof verdictKinds)[number];

/** What an orchestration came to, as far as policies have a say in it: what two policies are compared by. */
export const decidedOutcomeSchema = z.strictObject({
  verdict: z.strictObject({
    kind: z.enum(verdictKinds),
    /** The output that stands; null with `none` and `refused`. */
    label: z.string().nullable(),
    /** Whose output that is. */
    detector: z.string().nullable(),
  }),
  /** HTTP status of the answer. */
  status: z.int(),
  coverage: z.number(),
  coverage_met: z.boolean(),
  /** Detectors that were asked, sorted. */
  asked: z.array(z.string()),
  /** What was made of the failure of each primary, as `detector: action`, sorted. */
  failure_actions: z.array(z.string().regex(new RegExp(`: (${failureActions.join('|')})$`))),
  /** Whether static fields stood in for a rule that failed. */
  fell_back: z.boolean(),
});
export type DecidedOutcome = z.output<typeof decidedOutcomeSchema>;
