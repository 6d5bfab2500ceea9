import type { DetectorResult } from './detector-result';
import type { ContentType } from './enums';

/** How a request ended (spec/orchestration.md 8). */
export type EndStatus = 'success' | 'partial' | 'timeout' | 'error' | 'cancelled';

/** What those who count must know of an orchestration that has ended: no content, nothing that a detector said. */
export interface OrchestrationFacts {
  readonly policyBundle: string;
  readonly contentType: ContentType;
  /** Null: nothing was judged for it, its answer was there. */
  readonly coverage: number | null;
  readonly isCovered: boolean;
  /** Why static rules stood in for Rego; null: they did not. */
  readonly policyFallback: 'opa_unavailable' | 'opa_invalid_decision' | null;
  readonly mapping: 'off' | 'skipped' | 'mapped' | 'failed';
  readonly results: readonly Pick<
    DetectorResult,
    'detector' | 'status' | 'processing_time_ms' | 'metadata' | 'stand_in'
  >[];
  /** Findings that the tenant's allow-list lets go by, by detector; absent: none. */
  readonly suppressed?: Readonly<Record<string, number>>;
}

export interface OrchestrationEnd {
  readonly tenantId: string;
  readonly status: EndStatus;
  /** It was, or had become, a job. */
  readonly isJob: boolean;
  /** From receipt. */
  readonly ms: number;
  /** Null where the request could not be read any more. */
  readonly facts: OrchestrationFacts | null;
}
