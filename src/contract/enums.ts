/** Closed enumerations of the contract (spec/orchestration.md 0). Free of zod, so that workflow code may import them. */
export const contentTypes = ['text', 'image', 'document', 'code'] as const;
export const processingModes = ['sync', 'async'] as const;
export const priorities = ['low', 'normal', 'high', 'critical'] as const;
export const environments = ['dev', 'stage', 'prod'] as const;
export const detectorStatuses = ['success', 'failed', 'timeout', 'unavailable', 'skipped'] as const;
export const jobStatuses = ['pending', 'running', 'completed', 'failed', 'cancelled'] as const;
export const coverageMethods = ['required_set', 'weighted_coverage', 'taxonomy_coverage'] as const;
/** Strategies a mapper payload may name. */
export const aggregationMethods = [
  'weighted_average',
  'highest_confidence',
  'majority_vote',
  'most_restrictive',
] as const;
export const conflictStrategies = [...aggregationMethods, 'tenant_preference'] as const;
export const tieBreakers = [
  'preferred_detector',
  'detector_priority',
  'highest_confidence',
  'alphabetical',
] as const;
export const breakerStates = ['closed', 'open', 'half_open'] as const;
export const registryStatuses = ['active', 'inactive', 'maintenance', 'failed'] as const;
export const healthStatuses = ['healthy', 'degraded', 'unhealthy', 'unknown'] as const;
export const fallbackReasons = [
  'secondary_detectors',
  'opa_unavailable',
  'mapper_timeout',
  'mapper_error',
  'cached_while_unavailable',
  'partial_coverage',
  'failure_policy',
  'detector_fallback',
] as const;
/** Ways in which something else stands in a detector's place (docs/failure-policy.md). */
export const standInStrategies = ['cached', 'default', 'redirect', 'alternate'] as const;
export const deciders = ['opa', 'tenant_policy', 'tenant_policy_opa_fallback'] as const;
export const conflictDeciders = ['opa', 'bundle_override', 'bundle', 'content_type_default'] as const;

/** Labels that say nothing was found (spec/orchestration.md 3.4). */
export const benignLabels = ['clean', 'safe', 'none', 'no_pii', 'ok', 'benign'] as const;

/** Why a detector that answered has not judged all it was asked about. */
export const unjudgedReasons = [
  /** It reads a bounded beginning (or end) of a text. */
  'truncated',
  /** It did not apply these labels to this kind of input. */
  'not_applied',
  /** It screens the last turn of a conversation only. */
  'last_message_only',
  /** It found more than it lists. */
  'findings_truncated',
  /** It guarded fewer characters than it was sent. */
  'partly_guarded',
  /** The call for this part of a long content failed. */
  'part_failed',
  /** Nobody judged: the label is the one registered for when the detector fails. */
  'default_answer',
  /** Parts of the file that was sent were not taken out of it for any detector; `labels` names them. */
  'not_extracted',
] as const;

/** What a file may hold that detectors did not get. */
export const contentGaps = ['pages', 'text', 'images', 'attachments', 'frames'] as const;
export type ContentGap = (typeof contentGaps)[number];

/** Reasons that stand at the head of `DetectorResult.error` (spec/orchestration.md 1.4). */
export const detectorErrors = {
  failed: ['http_4xx', 'http_5xx', 'network_error', 'invalid_response', 'overloaded', 'plugin_error'],
  timeout: ['attempt_timeout', 'request_deadline'],
  unavailable: ['unhealthy', 'circuit_open', 'disabled', 'not_registered'],
  skipped: [
    'excluded_by_request',
    'unsupported_content_type',
    'content_too_long',
    'dependency_failed',
    'cancelled',
  ],
} as const;

/** Why a detector gave no answer. A fault of our own has none of these. */
export const failureCauses = [
  'outage',
  'timeout',
  'overload',
  'credentials',
  'bad_request',
  'unparsable',
] as const;
/** What a bundle may make of a detector's failure (docs/failure-policy.md). */
export const failureActions = ['fail_closed', 'fail_open', 'secondary', 'human_review'] as const;

export type FailureCause = (typeof failureCauses)[number];
export type FailureAction = (typeof failureActions)[number];
export type ContentType = (typeof contentTypes)[number];
export type ProcessingMode = (typeof processingModes)[number];
export type Priority = (typeof priorities)[number];
export type Environment = (typeof environments)[number];
export type DetectorStatus = (typeof detectorStatuses)[number];
export type JobStatus = (typeof jobStatuses)[number];
export type CoverageMethod = (typeof coverageMethods)[number];
export type AggregationMethod = (typeof aggregationMethods)[number];
export type ConflictStrategy = (typeof conflictStrategies)[number];
export type TieBreaker = (typeof tieBreakers)[number];
export type HealthStatus = (typeof healthStatuses)[number];
export type FallbackReason = (typeof fallbackReasons)[number];
export type Decider = (typeof deciders)[number];
export type DetectorErrorToken = (typeof detectorErrors)[keyof typeof detectorErrors][number];
