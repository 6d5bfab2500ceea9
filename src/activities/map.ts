import { mapperPayloadSchema } from '../contract/payload';
import { mapperBudget } from '../domain/budget';
import type { Orchestrations } from '../store/orchestrations';
import type { ResultHub } from '../store/result-hub';
import { isStoreAway } from '../store/store-outage';
import type { MapperClient } from './mapper-client';
import { annotated } from './mapping-notes';
import type { MapInput, MapOutput, MapResult } from './types';

export interface MapDependencies {
  readonly mapper: MapperClient;
  readonly hub: ResultHub;
  readonly orchestrations: Orchestrations;
  readonly processId: string;
  readonly now: () => number;
}

const brokeDown: MapResult = { kind: 'failed', code: 'DETECTOR_COMMUNICATION_FAILED' };

/** Has the aggregated results mapped to the taxonomy, each member within what is left of its time. */
export function createMap(deps: MapDependencies) {
  return async function map(input: MapInput): Promise<MapOutput> {
    const { run, plan, members } = input;
    await told(deps.hub.announceAggregated(run.run_id, run.facade_id, deps.processId));
    const jobs = members.filter(({ member }) => isJob(input, member)).map(({ member }) => member.request_id);
    if (jobs.length > 0) await told(deps.orchestrations.markStage(jobs, 'aggregated'));
    // What goes wrong over one member is its result, not its neighbors' (design.md 7, 15).
    const results = await Promise.all(members.map((entry) => mapOne(entry).catch(() => brokeDown)));
    if (jobs.length > 0) await told(deps.orchestrations.markStage(jobs, 'mapped'));
    return Object.fromEntries(members.map(({ member }, index) => [member.request_id, results[index]!]));

    async function mapOne({
      member,
      payload,
      resolution_notes,
    }: MapInput['members'][number]): Promise<MapResult> {
      if (!mapperPayloadSchema.safeParse(payload).success) return { kind: 'invalid_payload' };
      const budgetMs = mapperBudget({
        now: deps.now(),
        sla_at: member.sla_at,
        deadline_at: member.deadline_at,
        isJob: isJob(input, member),
        budgetMs: plan.mapping.budget_ms,
      });
      if (budgetMs === 0) return { kind: 'failed', code: 'REQUEST_TIMEOUT' };
      const answer = await deps.mapper.map({
        payload,
        requestId: member.request_id,
        correlationId: member.correlation_id,
        traceparent: member.traceparent,
        budgetMs,
      });
      if (answer.kind === 'failed') return answer;
      return { kind: 'mapped', response: annotated(answer.response, plan, resolution_notes) };
    }
  };

  /** Requested as one, or past the point at which its facade has made it one. */
  function isJob({ plan }: MapInput, member: MapInput['members'][number]['member']): boolean {
    return member.mode === 'async' || (plan.allow_async_conversion && deps.now() >= member.convert_at);
  }
}

/** Progress that cannot be told must not cost the mapping. */
async function told(progress: Promise<void>): Promise<void> {
  try {
    await progress;
  } catch (error) {
    if (!isStoreAway(error)) throw error;
  }
}
