import { z } from 'zod';
import { conflictStrategies, contentTypes, coverageMethods } from './enums';
import { failureRuleSchema } from './failure-policy';
import { nameSchema, tenantSchema, versionSchema } from './text';

const weightTolerance = 1e-6;
const maxNames = 200;
const maxDataBytes = 64 * 1024;

const names = z.array(nameSchema).max(maxNames);

function byName<V extends z.ZodType>(value: V) {
  return z
    .record(nameSchema, value)
    .refine((map) => Object.keys(map).length <= maxNames, { error: `must have at most ${maxNames} keys` });
}

const dataSchema = z
  .record(z.string(), z.json())
  .refine((data) => Buffer.byteLength(JSON.stringify(data)) <= maxDataBytes, {
    error: `must have at most ${maxDataBytes} bytes as JSON`,
  })
  .refine((data) => !holdsUnstorable(data), {
    error: 'must not hold the NUL character, nor halves of characters',
  });

/** JSON escapes these characters; a backslash of the text's own is doubled. */
function holdsUnstorable(data: object): boolean {
  return /\\u(?:0000|d[89a-f])/.test(JSON.stringify(data).replaceAll('\\\\', ''));
}

const coverageCalculationSchema = z
  .strictObject({
    calculation_method: z.enum(coverageMethods),
    required_detector_set: names.optional(),
    weighted_requirements: byName(z.number().min(0).max(1)).optional(),
    required_taxonomy_categories: z.array(z.string().max(200)).max(maxNames).optional(),
    partial_coverage_threshold: z.number().positive().max(1).default(0.8),
  })
  .superRefine((coverage, context) => {
    if (coverage.calculation_method !== 'weighted_coverage') return;
    const weights = Object.values(coverage.weighted_requirements ?? {});
    const sum = weights.reduce((total, weight) => total + weight, 0);
    if (Math.abs(sum - 1) > weightTolerance) {
      context.addIssue({
        code: 'custom',
        path: ['weighted_requirements'],
        message: `must sum to 1.0, but sums to ${Number(sum.toFixed(6))}`,
      });
    }
  });

/** A tenant's policy bundle: the static fields (spec/orchestration.md 9.1). */
export const tenantPolicySchema = z
  .strictObject({
    tenant_id: tenantSchema,
    policy_bundle: nameSchema,
    version: versionSchema.default('1.0'),
    rego_policy_path: z.string().nullable().default(null),
    policy_data: dataSchema.default({}),
    coverage_calculation: coverageCalculationSchema,
    required_detectors: names,
    optional_detectors: names.default([]),
    conflict_resolution: z.enum(conflictStrategies).nullable().default(null),
    conflict_resolution_overrides: z
      .partialRecord(z.enum(contentTypes), z.enum(conflictStrategies))
      .default({}),
    timeout_config: byName(z.int().min(100).max(30_000)).default({}),
    retry_config: byName(z.int().min(0).max(5)).default({}),
    priority_weights: byName(z.number().positive()).default({}),
    content_type_routing: z.partialRecord(z.enum(contentTypes), names).default({}),
    rbac_scopes: z
      .array(z.string().max(200))
      .max(maxNames)
      .default(['orchestrate:read', 'orchestrate:write']),
    rate_limit_per_minute: z.int().min(1).max(100_000).default(1000),
    auto_map_results: z.boolean().optional(),
    allow_async_conversion: z.boolean().default(true),
    /** What failures of detectors mean; without a rule that fits: fail_closed. */
    failure_policy: z.array(failureRuleSchema).max(50).optional(),
  })
  .superRefine((policy, context) => {
    const optional = new Set(policy.optional_detectors);
    policy.required_detectors.forEach((name, index) => {
      if (!optional.has(name)) return;
      context.addIssue({
        code: 'custom',
        path: ['required_detectors', index],
        message: 'is also named as optional',
      });
    });
    const { calculation_method: method, required_detector_set: set } = policy.coverage_calculation;
    if (method === 'required_set' && policy.required_detectors.length === 0) {
      context.addIssue({
        code: 'custom',
        path: ['required_detectors'],
        message: 'must name at least one detector for required_set',
      });
    }
    if (set && set.toSorted().join() !== policy.required_detectors.toSorted().join()) {
      context.addIssue({
        code: 'custom',
        path: ['coverage_calculation', 'required_detector_set'],
        message: 'must equal required_detectors',
      });
    }
  })
  .meta({ id: 'TenantPolicy' });
export type TenantPolicy = z.output<typeof tenantPolicySchema>;
