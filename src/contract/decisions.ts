import { z } from 'zod';
import { decidedByName, decidedNames } from './decided-names';
import {
  type ContentType,
  type CoverageMethod,
  conflictStrategies,
  coverageMethods,
  tieBreakers,
} from './enums';
import type { TenantPolicy } from './policy';

/** What Rego sees when it selects detectors (spec/orchestration.md 9.3); never the content. */
export interface SelectionInput {
  readonly tenant_id: string;
  readonly policy_bundle: string;
  readonly environment: string;
  readonly content_type: ContentType;
  readonly content_length: number;
  readonly priority: string;
  readonly candidate_detectors: readonly {
    readonly name: string;
    readonly version: string;
    readonly taxonomy_categories: readonly string[];
    readonly healthy: boolean;
    readonly breaker: string;
  }[];
  readonly required_detectors: readonly string[];
  readonly excluded_detectors: readonly string[];
  readonly policy: TenantPolicy;
}

/** Decisions may use the short names of spec/orchestration.md 9.3; they come out as the contract's. */
const shortMethods: Readonly<Record<string, string>> = {
  weighted: 'weighted_coverage',
  taxonomy: 'taxonomy_coverage',
};
const methodSchema = z.preprocess(
  (value) => (typeof value === 'string' ? (shortMethods[value] ?? value) : value),
  z.enum(coverageMethods),
);

function renamed(from: string, to: string) {
  return (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null || !(from in value) || to in value) return value;
    const { [from]: moved, ...rest } = value as Record<string, unknown>;
    return { ...rest, [to]: moved };
  };
}

export const selectionDecisionSchema = z.preprocess(
  renamed('selected', 'selected_detectors'),
  z.object({
    selected_detectors: decidedNames,
    selection_reason: z.string().max(200).optional(),
    allow: z.boolean().optional(),
    coverage_method: methodSchema.optional(),
    coverage_requirements: z
      .object({
        min_success_fraction: z.number().min(0).max(1).optional(),
        weights: decidedByName(z.number().min(0).max(1)).optional(),
        required_taxonomy_categories: decidedNames.optional(),
      })
      .optional(),
    required_detectors: decidedNames.optional(),
  }),
);
export type SelectionDecision = z.output<typeof selectionDecisionSchema>;

export interface CoverageInput {
  readonly tenant_id: string;
  readonly policy_bundle: string;
  readonly coverage_method: CoverageMethod;
  readonly coverage_achieved: number;
  readonly threshold: number;
  readonly results: readonly {
    readonly detector: string;
    readonly status: string;
    /** Present where it answered, but not about all of the content. */
    readonly unjudged?: true;
  }[];
  readonly policy: TenantPolicy;
}

/** These are kept in histories and audit records, so a policy must not grow them without end. */
const remarks = z.array(z.string().max(200)).max(100);

export const coverageDecisionSchema = z.object({
  coverage_met: z.boolean(),
  coverage_score: z.number().optional(),
  missing_requirements: remarks.optional(),
  policy_violations: remarks.optional(),
});
export type CoverageDecision = z.output<typeof coverageDecisionSchema>;

export interface ConflictInput {
  readonly tenant_id: string;
  readonly policy_bundle: string;
  readonly content_type: ContentType;
  readonly detector_outputs: readonly {
    readonly detector: string;
    readonly output: string;
    readonly confidence: number | null;
  }[];
  readonly weights: Readonly<Record<string, number>>;
  readonly policy: TenantPolicy;
}

export const conflictDecisionSchema = z.preprocess(
  renamed('strategy', 'resolution_strategy'),
  z.object({
    resolution_strategy: z.enum(conflictStrategies).optional(),
    winning_detector: z.string().max(100).optional(),
    tie_breaker: z.enum(tieBreakers).optional(),
    resolution_reason: z.string().max(200).optional(),
  }),
);
export type ConflictDecision = z.output<typeof conflictDecisionSchema>;
