import type { Priority, ProcessingMode } from '../contract/enums';
import type { Member } from '../contract/plan';

/** All in milliseconds (spec/orchestration.md 4.1). */
export interface SlaSettings {
  readonly sync_request_sla_ms: number;
  readonly async_request_sla_ms: number;
  readonly sync_to_async_threshold_ms: number;
  readonly priority_sla_overrides: Readonly<Partial<Record<Priority, number>>>;
  readonly mapper_timeout_budget_ms: number;
}

/** A mapper call is not worth starting with less. */
const leastMapperBudgetMs = 50;
/** Kept back from the mapper for publishing and sending the answer. */
const answerReserveMs = 50;

export function slaOf(priority: Priority, settings: SlaSettings): number {
  return settings.priority_sla_overrides[priority] ?? settings.sync_request_sla_ms;
}

/** How long after receipt a sync request becomes a job: every priority keeps the same reserve (R23). */
export function convertAfter(priority: Priority, settings: SlaSettings): number {
  const reserve = settings.sync_request_sla_ms - settings.sync_to_async_threshold_ms;
  return Math.max(0, slaOf(priority, settings) - reserve);
}

export type MemberTimes = Pick<Member, 'convert_at' | 'sla_at' | 'cut_at' | 'deadline_at'>;

/** The points in time of one member (spec/orchestration.md 4.2); all follow from its receipt. */
export function memberTimes(member: {
  readonly receivedAt: number;
  readonly priority: Priority;
  readonly mode: ProcessingMode;
  readonly allowAsyncConversion: boolean;
  readonly settings: SlaSettings;
}): MemberTimes {
  const { receivedAt, priority, mode, settings } = member;
  const sla_at = receivedAt + slaOf(priority, settings);
  const convert_at = mode === 'async' ? receivedAt : receivedAt + convertAfter(priority, settings);
  if (mode === 'sync' && !member.allowAsyncConversion) {
    return { convert_at, sla_at, cut_at: convert_at, deadline_at: sla_at };
  }
  const deadline_at = receivedAt + settings.async_request_sla_ms;
  // A sync member may still become a job, and the same execution goes on: its detectors are cut as a job's are.
  const cut_at = Math.max(convert_at, deadline_at - settings.mapper_timeout_budget_ms);
  return { convert_at, sla_at, cut_at, deadline_at };
}

/** Milliseconds the mapper may take (spec/orchestration.md 4.3); 0 means that it is not called. */
export function mapperBudget(moment: {
  readonly now: number;
  readonly sla_at: number;
  readonly deadline_at: number;
  readonly isJob: boolean;
  readonly budgetMs: number;
}): number {
  const end = moment.isJob ? moment.deadline_at : moment.sla_at;
  const budget = Math.min(moment.budgetMs, end - moment.now - answerReserveMs);
  return budget < leastMapperBudgetMs ? 0 : budget;
}

/** Sum over the stages of the slowest member's estimate. */
export function projectedDuration(
  stages: readonly (readonly string[])[],
  estimate: (detector: string) => number,
): number {
  return stages.reduce((total, stage) => total + Math.max(0, ...stage.map(estimate)), 0);
}

/** p95 of the last 100 successes when there are 10 or more, else the declared average, else 0 (4.2). */
export function durationEstimate(
  successTimesMs: readonly number[],
  declaredAverageMs: number | null,
): number {
  const recent = successTimesMs.slice(-100).toSorted((a, b) => a - b);
  if (recent.length < 10) return declaredAverageMs ?? 0;
  return recent[Math.ceil(recent.length * 0.95) - 1] ?? 0;
}

/**
 * Wait before retry `attempt` (0 is the first retry): 100 ms doubled each time, jitter of 20 %, at most 1 s.
 * @param random01 uniform in [0, 1)
 */
export function backoffMs(attempt: number, random01: number): number {
  const steady = Math.min(1000, 100 * 2 ** attempt);
  const jitter = 0.8 + 0.4 * random01;
  return Math.min(1000, steady * jitter);
}
