import { createHash } from 'node:crypto';
import type { BulkItemStatus, BulkJobResponse } from '../contract/bulk';
import { ConclaveError } from '../contract/errors';
import type { BulkChunks } from '../store/bulk-chunks';
import type { BulkJob, BulkJobs } from '../store/bulk-jobs';
import type { Callbacks } from '../store/callbacks';
import { RunKeyDestroyedError } from '../store/key-ring';
import type { BulkExport } from './bulk-export';
import type { BulkGateway } from './bulk-gateway';
import type { BulkIntake, BulkLine, BulkUpload } from './bulk-intake';
import { bulkStatusOf } from './bulk-status';
import type { BulkWatch } from './bulk-watch';

export interface BulkServiceDependencies {
  readonly jobs: BulkJobs;
  readonly chunks: BulkChunks;
  readonly intake: BulkIntake;
  readonly export: BulkExport;
  readonly watch: BulkWatch;
  readonly gateway: BulkGateway;
  readonly callbacks: Pick<Callbacks, 'stateOf' | 'urlOf' | 'replay'>;
  readonly log: { warn(fields: object, message: string): void };
}

export type BulkCall = Pick<BulkUpload, 'requestId' | 'correlationId' | 'traceparent' | 'asked'> &
  Pick<BulkUpload, 'receivedAt' | 'idempotencyKey' | 'admit' | 'callbackUrl'>;

/** Bulk jobs as their owners see them. A job of another tenant does not exist. */
export class Bulk {
  constructor(private readonly deps: BulkServiceDependencies) {}

  async submit(upload: BulkUpload): Promise<{ job: BulkJobResponse; replayed: boolean }> {
    const { bulkId, tenantId, replayed } = await this.deps.intake.receive(upload);
    if (!replayed) await this.#start(bulkId, tenantId);
    return { job: await this.status(bulkId, tenantId), replayed };
  }

  async status(bulkId: string, tenantId: string | null): Promise<BulkJobResponse> {
    return this.#shown(await this.#job(bulkId, tenantId));
  }

  async pause(bulkId: string, tenantId: string | null): Promise<BulkJobResponse> {
    const job = await this.#job(bulkId, tenantId);
    if (!(await this.deps.jobs.pause(bulkId, job.tenantId))) throw ended('paused', 'bulk_not_pausable');
    return this.status(bulkId, tenantId);
  }

  async resume(bulkId: string, tenantId: string | null): Promise<BulkJobResponse> {
    const job = await this.#job(bulkId, tenantId);
    if (!(await this.deps.jobs.resume(bulkId, job.tenantId))) throw ended('resumed', 'bulk_not_resumable');
    await this.#tell(bulkId, () => this.deps.gateway.wake(bulkId, job.tenantId));
    return this.status(bulkId, tenantId);
  }

  async cancel(bulkId: string, tenantId: string | null): Promise<BulkJobResponse> {
    const job = await this.#job(bulkId, tenantId);
    if (!(await this.deps.jobs.cancel(bulkId, job.tenantId)))
      throw ended('cancelled', 'bulk_not_cancellable');
    await this.#tell(bulkId, () => this.deps.gateway.cancel(bulkId, job.tenantId));
    return this.status(bulkId, tenantId);
  }

  /** Calls back once more; while that is still under way it goes on, and no second begins. */
  async replayCallback(bulkId: string, tenantId: string | null): Promise<BulkJobResponse> {
    const job = await this.status(bulkId, tenantId);
    if (job.callback === null) {
      throw new ConclaveError('INVALID_REQUEST', 'the bulk job named nobody to call back', {
        status: 404,
        detail: 'callback_not_found',
      });
    }
    if (job.completed_at === null) throw notFinished('it calls back when it has');
    await this.deps.callbacks.replay(bulkId, tenantId);
    return this.status(bulkId, tenantId);
  }

  /** A new job with the items that failed, save those that were no requests. It calls back whom its parent called. */
  async rerun(bulkId: string, tenantId: string | null, call: BulkCall) {
    const job = await this.#job(bulkId, tenantId);
    if (job.completedAt === null) throw notFinished('cancel it first, or wait');
    if (job.outcomes.failed === job.refused) {
      throw new ConclaveError('INVALID_REQUEST', 'no item has failed that could be run again', {
        status: 409,
        detail: 'nothing_to_rerun',
      });
    }
    return this.submit({
      ...call,
      route: 'POST /orchestrate/bulk/rerun',
      tenantId: job.tenantId,
      parentBulkId: bulkId,
      callbackUrl: call.callbackUrl ?? (await this.deps.callbacks.urlOf(bulkId)),
      lines: this.#failedLines(job),
      fingerprint: () => createHash('sha256').update(bulkId).digest(),
    });
  }

  /** The export, line by line as it is read. */
  async outcomes(bulkId: string, tenantId: string | null, status: BulkItemStatus | null) {
    return this.deps.export.lines(await this.#job(bulkId, tenantId), status);
  }

  /** The job now and after each change, until it has ended or `signal` fires. */
  async changes(bulkId: string, tenantId: string | null, signal: AbortSignal) {
    const job = await this.#job(bulkId, tenantId);
    return this.#changes(job, signal);
  }

  async *#changes(watched: BulkJob, signal: AbortSignal): AsyncGenerator<BulkJobResponse> {
    for await (const job of this.deps.watch.changes(watched, signal)) yield this.#shown(job);
  }

  async #shown(job: BulkJob): Promise<BulkJobResponse> {
    const callback = await this.deps.callbacks.stateOf(job.bulkId, job.tenantId);
    return { ...bulkStatusOf(job, Date.now()), callback };
  }

  async #job(bulkId: string, tenantId: string | null): Promise<BulkJob> {
    const job = await this.deps.jobs.job(bulkId, tenantId);
    if (job && (tenantId === null || job.tenantId === tenantId)) return job;
    throw new ConclaveError('INVALID_REQUEST', 'there is no such bulk job', {
      status: 404,
      detail: 'bulk_not_found',
    });
  }

  async *#failedLines(job: BulkJob): AsyncGenerator<BulkLine> {
    try {
      for (let chunk = 0; ; chunk++) {
        const outcomes = await this.deps.chunks.outcomes(job.bulkId, job.tenantId, chunk);
        if (outcomes === null) return;
        const failed = new Set(
          outcomes.flatMap(({ status, requestId }) => (status === 'failed' ? [requestId] : [])),
        );
        if (failed.size === 0) continue;
        for (const item of await this.deps.chunks.items(job.bulkId, chunk)) {
          if (!failed.has(item.request_id)) continue;
          const bytes = Buffer.byteLength(item.request.content);
          yield { line: item.line, bytes, request: item.request, routingTokens: item.routing_tokens };
        }
      }
    } catch (error) {
      if (!(error instanceof RunKeyDestroyedError)) throw error;
      throw new ConclaveError('INVALID_REQUEST', 'the items are no longer kept: upload them again', {
        status: 409,
        detail: 'content_expired',
      });
    }
  }

  /** The job is durable already: should the engine be away, the keeper starts its run. */
  async #start(bulkId: string, tenantId: string): Promise<void> {
    await this.deps.gateway.start(bulkId, tenantId).catch((error: unknown) => {
      this.deps.log.warn({ bulk_id: bulkId, error }, 'a bulk job could not be started yet');
    });
  }

  /** The store decides; the run reads it by itself, only later. */
  async #tell(bulkId: string, call: () => Promise<void>): Promise<void> {
    await call().catch((error: unknown) => {
      this.deps.log.warn({ bulk_id: bulkId, error }, 'the run of a bulk job could not be told of a change');
    });
  }
}

function notFinished(remedy: string): ConclaveError {
  return new ConclaveError('INVALID_REQUEST', `the bulk job has not ended yet; ${remedy}`, {
    status: 409,
    detail: 'bulk_not_finished',
  });
}

function ended(what: string, detail: string): ConclaveError {
  return new ConclaveError('INVALID_REQUEST', `the bulk job has ended and cannot be ${what}`, {
    status: 409,
    detail,
  });
}
