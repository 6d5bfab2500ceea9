import type { BulkItemStatus } from '../contract/bulk';
import { canonicalErrors } from '../contract/errors';
import type { BulkChunks, BulkItemOutcome } from '../store/bulk-chunks';
import type { BulkJob } from '../store/bulk-jobs';
import type { Orchestrations, StoredAnswer } from '../store/orchestrations';

/** Outcomes of bulk jobs as NDJSON (contract/bulk.ts), a chunk of items in memory at a time. */
export class BulkExport {
  constructor(
    private readonly chunks: BulkChunks,
    private readonly orchestrations: Orchestrations,
  ) {}

  /**
   * Lines in the order of the items, each with its newline, some hundred at a time.
   * @param only null: all items
   */
  async *lines(job: BulkJob, only: BulkItemStatus | null): AsyncGenerator<string> {
    for (let chunk = 0; ; chunk++) {
      const outcomes = await this.chunks.outcomes(job.bulkId, job.tenantId, chunk);
      if (outcomes === null) return;
      const wanted = outcomes
        .map((outcome) => ({ outcome, status: bulkItemStatus(outcome, job) }))
        .filter(({ status }) => only === null || status === only);
      const answered = wanted.flatMap(({ outcome, status }) =>
        hasAnswer(status) && outcome.refusal === null ? [outcome.requestId] : [],
      );
      const answers =
        answered.length === 0
          ? new Map<string, StoredAnswer>()
          : await this.orchestrations.finalAnswers(answered, job.tenantId);
      const lines = wanted.map(({ outcome, status }) =>
        lineOf(outcome, status, answers.get(outcome.requestId) ?? null),
      );
      if (lines.length > 0) yield lines.join('');
    }
  }
}

/** What became of an item, as clients are told. */
export function bulkItemStatus(
  { status, httpStatus, refusal }: Pick<BulkItemOutcome, 'status' | 'httpStatus' | 'refusal'>,
  job: Pick<BulkJob, 'status' | 'completedAt'>,
): BulkItemStatus {
  if (refusal !== null) return 'failed';
  if (status === 'completed') return httpStatus === 206 ? 'partial' : 'completed';
  if (status === 'failed' || status === 'cancelled') return status;
  if (job.completedAt === null) return 'pending';
  return job.status === 'cancelled' ? 'cancelled' : 'expired';
}

function hasAnswer(status: BulkItemStatus): boolean {
  return status === 'completed' || status === 'partial' || status === 'failed';
}

/** Put together as text: the answers are JSON already, and there may be a hundred thousand. */
function lineOf(
  { index, line, requestId, refusal }: BulkItemOutcome,
  status: BulkItemStatus,
  answer: StoredAnswer | null,
): string {
  const isResponse = answer !== null && status !== 'failed';
  const response = isResponse ? answer.body.toString() : 'null';
  const error = answer !== null && !isResponse ? answer.body.toString() : JSON.stringify(refusal);
  const httpStatus = answer?.status ?? (refusal === null ? null : canonicalErrors[refusal.error_code].status);
  const head = JSON.stringify({ index, line, request_id: requestId, status, http_status: httpStatus });
  return `${head.slice(0, -1)},"response":${response},"error":${error}}\n`;
}
