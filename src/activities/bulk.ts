import { ApplicationFailure } from '@temporalio/activity';
import {
  type BulkActivities,
  type BulkMember,
  type BulkPatience,
  type BulkSlice,
  sliceRunId,
} from '../contract/bulk-run';
import { ConclaveError } from '../contract/errors';
import type { Plan, RequestAbout } from '../contract/plan';
import type { OrchestrationRequest } from '../contract/request';
import { membersAtOnce } from '../domain/batching';
import { slicesOf } from '../domain/bulk';
import { groupedBy } from '../domain/collections';
import { errorResponse } from '../domain/error-response';
import type { BulkChunks, BulkItem, PlannedBulkChunk } from '../store/bulk-chunks';
import type { BulkIdentity, BulkRuns } from '../store/bulk-runs';
import { RunKeyDestroyedError } from '../store/key-ring';
import type { Outcome, Outcomes } from '../store/outcomes';
import { type BulkInputs, memberOf } from './bulk-inputs';
import type { DetectorMemo } from './detector-memo';

interface PlannedItem {
  readonly plan: Plan;
  readonly digest: string;
  readonly healthStatus: Readonly<Record<string, boolean>>;
  readonly about?: RequestAbout;
}

export interface BulkDependencies {
  readonly chunks: BulkChunks;
  readonly runs: BulkRuns;
  readonly outcomes: Outcomes;
  readonly memo: DetectorMemo;
  readonly inputs: BulkInputs;
  /** @throws ConclaveError for a request that no plan can be made for */
  readonly plan: (request: OrchestrationRequest, requestId: string) => Promise<PlannedItem>;
  readonly patience: BulkPatience;
  readonly now: () => number;
}

/** What bulk workflows ask of the world (contract/bulk-run.ts). */
export function createBulkActivities(deps: BulkDependencies): BulkActivities {
  return {
    nextBulkChunk: ({ bulk_id, after, token }) => deps.runs.next(bulk_id, after, token),
    reopenBulkChunk: ({ bulk_id, run_id, failed_run_id }) => deps.runs.reopen(bulk_id, run_id, failed_run_id),
    finishBulk: ({ bulk_id, cancelled }) => deps.runs.finish(bulk_id, cancelled),

    async loadBulkChunk({ bulk_id, chunk, run_id }) {
      const identity = await deps.runs.identityOf(bulk_id);
      const firstTime = await deps.chunks.markStarted(bulk_id, chunk);
      const open = await openIds(deps, bulk_id, identity.tenantId, chunk);
      const items = (await requestsOf(deps, bulk_id, chunk)).filter(({ request_id }) => open.has(request_id));
      const { slices, refused } = await planned(deps, run_id, identity, items);
      if (refused.length > 0) await deps.outcomes.publish(sliceRunId(run_id, slices.length), refused);
      await deps.chunks.savePlanned(bulk_id, chunk, referencesTo(run_id, slices));
      for (const slice of slices) {
        deps.inputs.put(slice);
        if (firstTime) deps.memo.markBornHere(slice.run_id);
      }
      return { slices: slices.map(withoutContents), patience: deps.patience };
    },

    async settleBulkChunk({ bulk_id, chunk, run_id }) {
      return { left: await deps.runs.settle(bulk_id, chunk, run_id) };
    },

    async failBulkChunk({ bulk_id, chunk, run_id }) {
      const { tenantId, correlationId } = await deps.runs.identityOf(bulk_id);
      const open = await openIds(deps, bulk_id, tenantId, chunk);
      const error = new ConclaveError('INTERNAL_ERROR', 'the run of this item ended without a result');
      const failed = [...open].map((id) => failure(tenantId, id, correlationId, error, deps.now()));
      await deps.outcomes.publish(run_id, failed);
      await deps.runs.settle(bulk_id, chunk, run_id);
    },
  };
}

/** What a workflow needs to know of its members. */
function withoutContents(slice: BulkSlice): BulkSlice {
  return {
    ...slice,
    members: slice.members.map((member) => ({ ...member, content: '', metadata: null })),
  };
}

/** From which, with the stored requests, the slices can be made again. */
function referencesTo(runId: string, slices: readonly BulkSlice[]): PlannedBulkChunk {
  const plans = [...new Set(slices.map(({ plan }) => plan))];
  return {
    run_id: runId,
    plans,
    slices: slices.map(({ plan, members }) => ({
      plan: plans.indexOf(plan),
      health_status: members[0]!.health_status,
      request_ids: members.map(({ request_id }) => request_id),
      about: members.map(({ about }) => about ?? null),
    })),
  };
}

/** Requests without an outcome. */
async function openIds(
  deps: BulkDependencies,
  bulkId: string,
  tenantId: string,
  chunk: number,
): Promise<Set<string>> {
  const outcomes = (await deps.chunks.outcomes(bulkId, tenantId, chunk)) ?? [];
  return new Set(
    outcomes.flatMap(({ requestId, status, refusal }) =>
      status === null && refusal === null ? [requestId] : [],
    ),
  );
}

async function requestsOf(deps: BulkDependencies, bulkId: string, chunk: number): Promise<BulkItem[]> {
  try {
    return await deps.chunks.items(bulkId, chunk);
  } catch (error) {
    if (error instanceof RunKeyDestroyedError) {
      throw ApplicationFailure.nonRetryable('the requests are no longer kept', 'content_expired');
    }
    throw error;
  }
}

interface PlannedMember {
  readonly plan: Plan;
  readonly digest: string;
  readonly member: BulkMember;
}

/** Members grouped by equal plans, in slices that detectors can judge at one go; and what could not be planned. */
async function planned(
  deps: BulkDependencies,
  runId: string,
  identity: BulkIdentity,
  items: readonly BulkItem[],
): Promise<{ slices: BulkSlice[]; refused: Outcome[] }> {
  const members: PlannedMember[] = [];
  const refused: Outcome[] = [];
  for (const item of items) {
    try {
      const { plan, digest, ...place } = await deps.plan(item.request, item.request_id);
      members.push({ plan, digest, member: memberOf(item, identity, place) });
    } catch (error) {
      if (!(error instanceof ConclaveError)) throw error;
      const { tenantId, correlationId } = identity;
      refused.push(failure(tenantId, item.request_id, correlationId, error, deps.now()));
    }
  }
  const slices: BulkSlice[] = [];
  for (const group of groupedBy(members, ({ digest }) => digest).values()) {
    const { plan } = group[0]!;
    for (const slice of slicesOf(group, membersAtOnce(plan))) {
      slices.push({
        run_id: sliceRunId(runId, slices.length),
        plan,
        members: slice.map(({ member }) => member),
      });
    }
  }
  return { slices, refused };
}

function failure(
  tenantId: string,
  requestId: string,
  correlationId: string,
  error: ConclaveError,
  now: number,
): Outcome {
  const ids = { request_id: requestId, correlation_id: correlationId };
  return {
    requestId,
    tenantId,
    status: 'failed',
    errorCode: error.code,
    receivedAt: new Date(now),
    answer: () => ({
      status: error.status,
      body: Buffer.from(JSON.stringify(errorResponse(error, ids, now))),
    }),
    audit: { ...ids, error_code: error.code, http_status: error.status },
  };
}
