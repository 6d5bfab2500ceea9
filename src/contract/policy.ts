import { z } from 'zod';
import { conflictStrategies, contentTypes, coverageMethods } from './enums';
import { failureRuleSchema } from './failure-policy';
import { nameSchema, tenantSchema, versionSchema } from './text';

const weightTolerance = 1e-6;

const coverageCalculationSchema = z
  .strictObject({
    calculation_method: z.enum(coverageMethods),
    required_detector_set: z.array(nameSchema).optional(),
    weighted_requirements: z.record(nameSchema, z.number().min(0).max(1)).optional(),
    required_taxonomy_categories: z.array(z.string()).optional(),
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
    policy_data: z.record(z.string(), z.json()).default({}),
    coverage_calculation: coverageCalculationSchema,
    required_detectors: z.array(nameSchema),
    optional_detectors: z.array(nameSchema).default([]),
    conflict_resolution: z.enum(conflictStrategies).nullable().default(null),
    conflict_resolution_overrides: z
      .partialRecord(z.enum(contentTypes), z.enum(conflictStrategies))
      .default({}),
    timeout_config: z.record(nameSchema, z.int().min(100).max(30_000)).default({}),
    retry_config: z.record(nameSchema, z.int().min(0).max(5)).default({}),
    priority_weights: z.record(nameSchema, z.number().positive()).default({}),
    content_type_routing: z.partialRecord(z.enum(contentTypes), z.array(nameSchema)).default({}),
    rbac_scopes: z.array(z.string()).default(['orchestrate:read', 'orchestrate:write']),
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
