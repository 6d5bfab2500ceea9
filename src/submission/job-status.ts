import type { ErrorResponse, JobStatusResponse, OrchestrationResponse } from '../contract/answer';
import type { ErrorCode } from '../contract/errors';
import type { Job } from '../store/orchestrations';

/** A job as clients see it. */
export function statusOf(job: Job): Omit<JobStatusResponse, 'callback'> {
  const ended = job.status === 'completed' || job.status === 'failed';
  const failure =
    job.status === 'failed' && job.answer
      ? (JSON.parse(job.answer.body.toString()) as Partial<ErrorResponse>)
      : null;
  return {
    job_id: job.jobId,
    request_id: job.requestId,
    tenant_id: job.tenantId,
    status: job.status,
    created_at: job.createdAt.toISOString(),
    started_at: job.startedAt?.toISOString() ?? null,
    completed_at: job.completedAt?.toISOString() ?? null,
    progress: progressOf(job),
    result: ended ? resultOf(job) : null,
    error: failure?.message ?? null,
    error_code: ended ? (job.errorCode as ErrorCode | null) : null,
    parent_job_id: job.parentJobId,
  };
}

/** The last answer of a job as a response; for a failed one that is what its error carries. */
export function resultOf(job: Job): OrchestrationResponse | null {
  if (!job.answer) return null;
  const body = JSON.parse(job.answer.body.toString()) as OrchestrationResponse | ErrorResponse;
  return 'detector_results' in body ? body : body.response;
}

/** spec/orchestration.md 1.9; derived from what is stored, so it never falls. */
function progressOf(job: Job): number {
  if (job.status === 'completed' || job.status === 'failed') return 1;
  if (job.startedAt === null) return 0;
  if (job.stage === 'mapped') return 0.95;
  if (job.stage === 'aggregated') return 0.8;
  const share = job.planned === 0 ? 0 : Math.min(1, job.finishedDetectors / job.planned);
  return Number((0.1 + 0.6 * share).toFixed(6));
}
