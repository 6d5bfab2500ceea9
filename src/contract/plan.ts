import type {
  ConflictStrategy,
  ContentGap,
  ContentType,
  CoverageMethod,
  Decider,
  DetectorErrorToken,
  Environment,
  Priority,
  ProcessingMode,
} from './enums';
import type { ContentAnalysis } from './content-routing';
import type { DetectorFallback } from './detector-fallback';
import type { DetectorResult } from './detector-result';
import type { FailureRule } from './failure-policy';
import type { DetectorRegistration, ScoreNormalization } from './registration';
import type { VersionInfo } from './payload';

/** One detector of a plan with all that a worker needs to call it and the domain to weigh it. */
export interface PlannedDetector {
  readonly name: string;
  readonly version: string;
  /** `alternate`: asked only when one whose fallback names it has failed. */
  readonly role: 'primary' | 'secondary' | 'alternate';
  /** Coverage weight under weighted_coverage, else 0. */
  readonly coverage_weight: number;
  readonly priority_weight: number;
  /** The bundle's own priority weight, for `tenant_preference`; null where it sets none. */
  readonly bundle_priority: number | null;
  readonly taxonomy_categories: readonly string[];
  readonly score_normalization: ScoreNormalization;
  readonly label_severity: Readonly<Record<string, number>>;
  readonly max_content_length: number;
  /** Absent in plans of before this was known: longer content is skipped. */
  readonly long_content?: 'split' | 'skip';
  /** Predecessors inside the plan that must have succeeded. */
  readonly depends_on: readonly string[];
  /** Per attempt. */
  readonly timeout_ms: number;
  readonly max_retries: number;
  readonly pool: string | null;
  /** Absent: its failure stands. */
  readonly fallback?: DetectorFallback;
  readonly call: DetectorCall;
}

/** How the detector is reached. Secrets by reference only. */
export interface DetectorCall {
  readonly protocol: DetectorRegistration['protocol'];
  readonly endpoint: string;
  readonly detector_id: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly max_batch: number;
  readonly auth_type: DetectorRegistration['auth_type'];
  readonly auth_config: Readonly<Record<string, unknown>>;
  readonly http: DetectorRegistration['http'] | null;
}

export interface PlannedCoverage {
  readonly method: CoverageMethod;
  /** required_set: detectors; fixed by the plan, whatever fails later. */
  readonly required_detectors: readonly string[];
  /** weighted_coverage: weight by detector. */
  readonly weights: Readonly<Record<string, number>>;
  /** taxonomy_coverage. */
  readonly required_categories: readonly string[];
  readonly threshold: number;
}

export interface PlannedConflict {
  /** What the static policy says; a valid Rego decision goes before it. */
  readonly strategy: ConflictStrategy;
  readonly decided_by: 'bundle_override' | 'bundle' | 'content_type_default';
  readonly benign_labels: readonly string[];
}

/** Which allow-list a plan was made under: plans of two different ones are different. */
export interface AllowListStamp {
  /** Of the last change to it. */
  readonly revision: number;
  /** When the first of its entries expires (epoch ms). */
  readonly until: number;
}

/**
 * What is to be done, settled before the start by policy and registry (design.md 2). Two requests with equal plans may
 * share a run, so nothing in it belongs to one request: no health snapshot, no estimates, no times.
 */
export interface Plan {
  readonly tenant_id: string;
  readonly policy_bundle: string;
  readonly policy_version: string;
  /** SHA-256 of the bundle: static fields and Rego. */
  readonly policy_digest: string;
  readonly environment: Environment;
  readonly content_type: ContentType;
  readonly priority: Priority;
  readonly decider: Decider;
  /** A rule that was asked gave an answer that cannot be used; absent: none did. */
  readonly invalid_decision?: true;
  readonly selection_reason: string | null;
  /** All that may be called, in plan order: primaries, secondaries, alternates. */
  readonly detectors: readonly PlannedDetector[];
  /** Names in groups; a group starts when the one before it is done. */
  readonly primary_stages: readonly (readonly string[])[];
  readonly secondary_stages: readonly (readonly string[])[];
  readonly skipped: readonly { readonly detector: string; readonly reason: DetectorErrorToken }[];
  readonly coverage: PlannedCoverage;
  readonly conflict: PlannedConflict;
  /** What files may hold that detectors do not get, and be judged in full all the same; absent: nothing. */
  readonly accepted_gaps?: readonly ContentGap[];
  /** Absent: every failure of a detector is closed. */
  readonly failure_rules?: readonly FailureRule[];
  /** Of the tenant's allow-list; absent: nothing in it counted for the bundle. */
  readonly allow_list?: AllowListStamp;
  /** Which Rego rules the bundle has for results. */
  readonly rego: { readonly coverage: boolean; readonly conflict: boolean; readonly failure?: boolean };
  readonly lane: 'fast' | 'pool';
  readonly mapping: { readonly enabled: boolean; readonly budget_ms: number };
  readonly allow_async_conversion: boolean;
  readonly max_concurrent_detectors: number;
  readonly version_info: VersionInfo;
}

/** What a request said to its planning, and what was said of its content; absent: nothing of the kind. */
export interface RequestAbout {
  readonly required_detectors?: readonly string[];
  readonly excluded_detectors?: readonly string[];
  readonly analysis?: ContentAnalysis;
}

/** Who asked, and by what route (spec/orchestration.md 1.12, audit record). */
export interface Asked {
  readonly principal: string;
  /** Method and template of the path. */
  readonly endpoint: string;
}

/** One orchestration of a run. Times are epoch milliseconds. */
export interface Member {
  readonly request_id: string;
  readonly correlation_id: string;
  readonly traceparent: string | null;
  /** Absent: not known, in a run of an earlier release. */
  readonly asked?: Asked;
  /** `bulk`: an item of a bulk job, which is no job of its own. */
  readonly mode: ProcessingMode | 'bulk';
  readonly content: string;
  /** Code points. */
  readonly content_length: number;
  /** What of the file that was sent is not in `content`, and counts; absent: nothing. */
  readonly gaps?: readonly ContentGap[];
  /** The caller's metadata as detectors may see it. */
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly idempotency_key: string | null;
  readonly parent_job_id: string | null;
  readonly received_at: number;
  /** When a sync member without an answer becomes a job, or, without conversion, is cut. */
  readonly convert_at: number;
  readonly sla_at: number;
  /** When the detectors of a job are cut, so that the rest still fits the job's deadline. */
  readonly cut_at: number;
  readonly deadline_at: number;
  /** Tokens of routing_reason that belong to this request. */
  readonly routing_tokens: readonly string[];
  readonly health_status: Readonly<Record<string, boolean>>;
  /** Results taken over from the run that this one repeats. */
  readonly prior_results: readonly DetectorResult[];
  /** Kept for other policies to judge by; absent: it said nothing of its own. */
  readonly about?: RequestAbout;
  /** Where its answer may be kept for others; absent: nowhere. */
  readonly cache_key?: string;
}

/** Input of every run, shared or not. */
export interface RunInput {
  readonly run_id: string;
  /** Process that waits for the answers; null for async members. */
  readonly facade_id: string | null;
  /** 0 at first; 1 when the sweeper repeats a member of a failed run. */
  readonly recovery: number;
  readonly plan: Plan;
  readonly members: readonly Member[];
}
