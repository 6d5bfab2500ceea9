import { z } from 'zod';
import { failureActions, failureCauses } from './enums';
import { nameSchema } from './text';

/** One rule of a bundle on the failures of detectors; the first that fits decides. What it does not name, it fits. */
export const failureRuleSchema = z
  .strictObject({
    causes: z.array(z.enum(failureCauses)).min(1).max(50).optional(),
    detectors: z.array(nameSchema).min(1).max(200).optional(),
    /** Canonical categories: fits detectors that declare one of them, or one below. */
    categories: z.array(z.string().min(1).max(200)).min(1).max(200).optional(),
    action: z.enum(failureActions),
  })
  .superRefine(({ causes, action }, context) => {
    if (action !== 'fail_open') return;
    const index = causes?.indexOf('credentials') ?? -1;
    if (index === -1) return;
    context.addIssue({
      code: 'custom',
      path: ['causes', index],
      message: 'must not be opened: credentials that are refused are ours to mend',
    });
  });
export type FailureRule = z.output<typeof failureRuleSchema>;

/** What was made of the failure of a detector that was to judge. */
export const appliedFailurePolicySchema = z
  .strictObject({
    detector: z.string(),
    cause: z.enum(failureCauses),
    action: z.enum(failureActions),
    /** The secondary that makes it good; null under any other action, and where there was none. */
    stand_in: z.string().nullable(),
    /** Where Rego said so; absent: the static rules. */
    decided_by: z.literal('opa').optional(),
  })
  .meta({ id: 'AppliedFailurePolicy' });
export type AppliedFailurePolicy = z.output<typeof appliedFailurePolicySchema>;
