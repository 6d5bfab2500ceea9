import { z } from 'zod';
import { detectorResultSchema } from './detector-result';
import { contentTypes } from './enums';
import { nameSchema } from './text';

const maxTexts = 200;

/** A result of which only what is judged must be there. */
const resultSchema = detectorResultSchema.partial().required({ detector: true, status: true });

/** Source texts: one, or several by their path in the bundle. */
const sourcesSchema = z.union([
  z.string().max(1_048_576),
  z
    .record(z.string().min(1).max(200), z.string().max(1_048_576))
    .refine((texts) => Object.keys(texts).length <= maxTexts, {
      error: `must hold at most ${maxTexts} texts`,
    }),
]);

/** Body of POST /policies/validate (spec/orchestration.md 1.11): results, a candidate, or both. */
export const policyCheckSchema = z
  .strictObject({
    policy_bundle: nameSchema,
    /** Judged against the active bundle or, where one is sent along, against the candidate. */
    detector_results: z.array(resultSchema).min(1).max(100).nullish(),
    content_type: z.enum(contentTypes).default('text'),
    /** A candidate's static fields; whatever is wrong with them is in the verdict. */
    policy: z.record(z.string(), z.json()).nullish(),
    rego: sourcesSchema.nullish(),
    rego_tests: sourcesSchema.nullish(),
    /** Inputs and what is to be decided on them, as `fixtures/*.yaml` of a bundle has them. */
    fixtures: z.array(z.json()).max(500).nullish(),
  })
  .superRefine((check, context) => {
    if (check.policy || check.detector_results) {
      for (const key of ['rego', 'rego_tests', 'fixtures'] as const) {
        if (check[key] && !check.policy) {
          context.addIssue({ code: 'custom', path: [key], message: 'is judged together with policy' });
        }
      }
      return;
    }
    context.addIssue({ code: 'custom', path: ['policy'], message: 'or detector_results is required' });
  })
  .meta({ id: 'PolicyCheck' });
export type PolicyCheck = z.output<typeof policyCheckSchema>;

export const violationTypes = [
  'low_confidence_detector',
  'unregistered_detector',
  'unknown_category',
  'low_confidence_aggregate',
  'insufficient_coverage',
  'missing_required_detector',
  'disallowed_detector',
  'content_type_not_allowed',
  'unknown_strategy',
  'schema_invalid',
  'weights_not_normalized',
  'dependency_cycle',
  'rego_compile_error',
  'rego_test_failed',
] as const;
export type ViolationType = (typeof violationTypes)[number];

const violationSchema = z.strictObject({
  policy_id: z.string(),
  violation_type: z.enum(violationTypes),
  message: z.string(),
  severity: z.enum(['low', 'medium', 'high', 'critical']),
  detector: z.string().optional(),
  /** JSON pointer into the request's `policy`. */
  path: z.string().optional(),
});
export type PolicyViolation = z.output<typeof violationSchema>;

const place = z.int().positive().nullable();
const count = z.int().nonnegative();

/** The verdict; a policy that is not valid is a 200 too. */
export const policyVerdictSchema = z
  .strictObject({
    is_valid: z.boolean(),
    violations: z.array(violationSchema),
    recommendations: z.array(z.string()),
    warnings: z.array(z.string()),
    missing_detectors: z.array(z.string()),
    policy_version: z.string().nullable(),
    /** Null unless there was Rego to compile. */
    compilation: z
      .strictObject({
        ok: z.boolean(),
        errors: z.array(
          z.strictObject({
            code: z.string(),
            file: z.string(),
            line: place,
            column: place,
            message: z.string(),
          }),
        ),
        tests_run: count,
        tests_failed: count,
        fixtures_run: count,
        fixtures_failed: count,
      })
      .nullable(),
  })
  .meta({ id: 'PolicyVerdict' });
export type PolicyVerdict = z.output<typeof policyVerdictSchema>;
