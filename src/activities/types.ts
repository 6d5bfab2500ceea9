import type { DetectorResult } from '../contract/detector-result';
import type { FailureCause, JobStatus } from '../contract/enums';
import type { MapperPayload, MappingResponse } from '../contract/payload';
import type { Member, Plan, PlannedDetector, RunInput } from '../contract/plan';
import type { RegoDecisions } from '../contract/rego-decisions';
import type { ConflictResolution } from '../domain/conflict';
import type { MapperErrorCode } from '../domain/outcome';

export type RequestId = string;

/** What the activities need to know of the run they work for. */
export type RunContext = Pick<RunInput, 'run_id' | 'facade_id'> & {
  /** Epoch ms at which the clock of a bulk job's slice began; other runs have it in their input. */
  readonly started_at?: number;
};

export interface DetectInput {
  readonly run: RunContext;
  readonly plan: Pick<Plan, 'tenant_id' | 'content_type' | 'policy_bundle' | 'allow_list'>;
  readonly detector: PlannedDetector;
  readonly members: readonly Member[];
  /** How far an earlier ask got that left these members behind. */
  readonly resumed?: Lateness;
}

/** One result for each member, save those that were cancelled meanwhile, and those whose answer is late. */
export interface DetectOutput {
  readonly results: Readonly<Record<RequestId, DetectorResult>>;
  readonly cancelled: readonly RequestId[];
  /** To be asked for again, apart from those that have theirs; absent when there are none. */
  readonly late?: Readonly<Record<RequestId, Lateness>>;
}

/** Where the next ask for a late member takes up. */
export interface Lateness {
  /** That are over. */
  readonly attempts: number;
  /** Before the next attempt. */
  readonly wait_ms: number;
  /** When the detector was first asked for it (epoch ms). */
  readonly since: number;
}

/** In the details of the failure that `detect` throws. */
export interface DetectFailure {
  readonly message: string;
  readonly attempts: number;
  readonly processing_time_ms: number;
  readonly cause?: FailureCause;
}

export interface DecideInput {
  readonly plan: Plan;
  readonly members: readonly {
    readonly request_id: RequestId;
    readonly coverage: number;
    readonly results: readonly DetectorResult[];
  }[];
}

export type DecideOutput = Readonly<Record<RequestId, RegoDecisions>>;

export interface MapInput {
  readonly run: RunContext;
  readonly plan: Plan;
  readonly members: readonly {
    readonly member: MemberWithoutContent;
    readonly payload: MapperPayload;
    readonly resolution_notes: string | null;
  }[];
}

export type MapResult =
  | { readonly kind: 'off' | 'skipped' }
  | { readonly kind: 'mapped'; readonly response: MappingResponse }
  | { readonly kind: 'failed'; readonly code: MapperErrorCode }
  /** The payload breaks its schema: nothing was sent. */
  | { readonly kind: 'invalid_payload' };
export type MapOutput = Readonly<Record<RequestId, MapResult>>;

export type MemberWithoutContent = Omit<Member, 'content' | 'metadata' | 'prior_results'>;

/** How one member ended. */
export interface MemberEnding {
  readonly member: MemberWithoutContent;
  readonly results: readonly DetectorResult[];
  readonly coverage: number;
  readonly decisions: RegoDecisions;
  readonly conflict: ConflictResolution | null;
  readonly payload: MapperPayload | null;
  readonly mapping: MapResult;
  readonly aggregation_failed: boolean;
  readonly cancelled: boolean;
}

export interface PublishInput {
  readonly run: RunContext;
  readonly plan: Plan;
  readonly endings: readonly MemberEnding[];
  /** Others of the run are still on their way: it stays open. */
  readonly partial?: boolean;
}

export interface PublishOutput {
  /** Members that are jobs and did not complete, for Temporal to show. */
  readonly unfinished_jobs: readonly {
    readonly job_id: string;
    readonly status: Exclude<JobStatus, 'completed'>;
    /** Null for a cancelled one. */
    readonly error_code: string | null;
  }[];
  /** How many ended with which HTTP status. */
  readonly statuses: Readonly<Record<string, number>>;
}

export interface Activities {
  detect(input: DetectInput): Promise<DetectOutput>;
  decide(input: DecideInput): Promise<DecideOutput>;
  map(input: MapInput): Promise<MapOutput>;
  publish(input: PublishInput): Promise<PublishOutput>;
}

export interface DetectCall {
  readonly run: RunContext;
  readonly detector: string;
  readonly request_ids: readonly RequestId[];
  readonly resumed?: Lateness;
}

export interface DecideCall {
  readonly run: RunContext;
  readonly members: DecideInput['members'];
}

export interface MapCall {
  readonly run: RunContext;
  readonly members: readonly (Omit<MapInput['members'][number], 'member'> & {
    readonly request_id: RequestId;
  })[];
}

export type Ending = Omit<MemberEnding, 'member'> & { readonly request_id: RequestId };

export interface PublishCall {
  readonly run: RunContext;
  readonly endings: readonly Ending[];
  readonly partial?: boolean;
}

/** The activities as a workflow calls them: what its own input says, contents above all, goes by reference. */
export interface ActivityCalls {
  detect(call: DetectCall): Promise<DetectOutput>;
  decide(call: DecideCall): Promise<DecideOutput>;
  map(call: MapCall): Promise<MapOutput>;
  publish(call: PublishCall): Promise<PublishOutput>;
}
