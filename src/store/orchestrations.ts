import type { Selectable } from 'kysely';
import { sql } from 'kysely';
import type { JobStatus } from '../contract/enums';
import { recordAudit } from './audit-log';
import { recordCallbacks } from './callbacks';
import { asTenant, type Db } from './database';
import type { KeyRing } from './key-ring';
import { notify } from './notifications';
import type { JobStage, OrchestrationTable } from './schema';

/** An HTTP answer as it was or will be sent. */
export interface StoredAnswer {
  readonly status: number;
  readonly body: Buffer;
}

export interface Job {
  readonly requestId: string;
  readonly jobId: string;
  readonly tenantId: string;
  readonly runId: string;
  readonly parentJobId: string | null;
  readonly status: JobStatus;
  readonly stage: JobStage;
  readonly planned: number;
  readonly finishedDetectors: number;
  readonly errorCode: string | null;
  readonly answer: StoredAnswer | null;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly completedAt: Date | null;
}

/** A new job, requested or converted, with the 202 that announces it. */
export interface NewJob {
  readonly requestId: string;
  readonly tenantId: string;
  readonly runId: string;
  readonly jobId: string;
  readonly parentJobId: string | null;
  readonly status: 'pending' | 'running';
  readonly planned: number;
  readonly answer: StoredAnswer;
  /** What a re-run needs, without content. */
  readonly recipe: Buffer;
  /** Who is told when it has ended. */
  readonly callbackUrl?: string | undefined;
  readonly receivedAt: Date;
}

export interface EndedOrchestration {
  readonly requestId: string;
  readonly tenantId: string;
  readonly answer: StoredAnswer;
  readonly job: {
    readonly id: string;
    readonly planned: number;
    readonly recipe: Buffer;
    readonly callbackUrl?: string | undefined;
  } | null;
  readonly receivedAt: Date;
}

const openStatuses: readonly JobStatus[] = ['pending', 'running'];

/** Table `orchestration`: what clients may ask about (design.md 8). Answers and recipes are encrypted for the tenant. */
export class Orchestrations {
  constructor(
    private readonly db: Db,
    private readonly keys: KeyRing,
    private readonly retentionMs: number,
  ) {}

  /**
   * First writer wins between conversion and publication (design.md 7, 13).
   * @returns null when the job is recorded, else the answer that was published before
   */
  async recordJob(job: NewJob): Promise<StoredAnswer | null> {
    const db = asTenant(this.db, job.tenantId);
    const recorded =
      job.callbackUrl === undefined
        ? await this.recordJobs([job], db)
        : await db.transaction().execute((tx) => this.recordJobs([job], tx));
    return recorded === 1 ? null : this.answerOf(job.requestId, job.tenantId);
  }

  /** @returns how many were not there yet */
  async recordJobs(jobs: readonly NewJob[], db: Db): Promise<number> {
    const inserted = await db
      .insertInto('orchestration')
      .values(await Promise.all(jobs.map((job) => this.#rowOf(job))))
      .onConflict((conflict) => conflict.doNothing())
      .returning('request_id')
      .execute();
    const fresh = new Set(inserted.map((row) => row.request_id));
    const named = jobs.flatMap(({ jobId: callbackId, tenantId, requestId, callbackUrl: url }) =>
      url !== undefined && fresh.has(requestId) ? { callbackId, tenantId, requestId, url } : [],
    );
    await recordCallbacks(db, this.keys, named);
    return inserted.length;
  }

  async #rowOf(job: NewJob) {
    return {
      request_id: job.requestId,
      tenant_id: job.tenantId,
      run_id: job.runId,
      job_id: job.jobId,
      parent_job_id: job.parentJobId,
      status: job.status,
      planned: job.planned,
      http_status: job.answer.status,
      answer: await this.seal(job.tenantId, job.requestId, job.answer.body),
      recipe: await this.keys.encryptFor(job.tenantId, job.recipe, recipeContext(job.requestId)),
      created_at: job.receivedAt,
      started_at: job.status === 'running' ? job.receivedAt : null,
      expires_at: new Date(job.receivedAt.getTime() + this.retentionMs),
    };
  }

  /** Records an orchestration that ended with a 200 before it began: its answer was known. */
  async recordEnded(ended: EndedOrchestration, db: Db): Promise<void> {
    const { requestId, tenantId, job, answer, receivedAt } = ended;
    await db
      .insertInto('orchestration')
      .values({
        request_id: requestId,
        tenant_id: tenantId,
        run_id: requestId,
        job_id: job?.id ?? null,
        status: 'completed',
        planned: job?.planned ?? 0,
        http_status: answer.status,
        answer: await this.seal(tenantId, requestId, answer.body),
        recipe: job && (await this.keys.encryptFor(tenantId, job.recipe, recipeContext(requestId))),
        created_at: receivedAt,
        started_at: receivedAt,
        completed_at: new Date(),
        expires_at: new Date(receivedAt.getTime() + this.retentionMs),
      })
      .execute();
    if (job?.callbackUrl === undefined) return;
    const { id: callbackId, callbackUrl: url } = job;
    await recordCallbacks(db, this.keys, [{ callbackId, tenantId, requestId, url }]);
    await notify(db, { kind: 'callback_due' });
  }

  async answerOf(requestId: string, tenantId: string): Promise<StoredAnswer | null> {
    const row = await asTenant(this.db, tenantId)
      .selectFrom('orchestration')
      .select(['request_id', 'tenant_id', 'http_status', 'answer'])
      .where('request_id', '=', requestId)
      .executeTakeFirst();
    return row ? this.#open(row) : null;
  }

  /** Final answers among the given requests; unfinished ones are absent. @param tenantId whose they are; null: anybody's */
  async finalAnswers(
    requestIds: readonly string[],
    tenantId: string | null = null,
  ): Promise<Map<string, StoredAnswer>> {
    const rows = await asTenant(this.db, tenantId)
      .selectFrom('orchestration')
      .select(['request_id', 'tenant_id', 'http_status', 'answer'])
      .where('request_id', 'in', [...requestIds])
      .where('status', 'not in', openStatuses)
      .execute();
    const answers = new Map<string, StoredAnswer>();
    for (const row of rows) {
      const answer = await this.#open(row);
      if (answer) answers.set(row.request_id, answer);
    }
    return answers;
  }

  async markRunning(requestIds: readonly string[]): Promise<void> {
    await this.db
      .updateTable('orchestration')
      .set({ status: 'running', started_at: new Date() })
      .where('request_id', 'in', [...requestIds])
      .where('status', '=', 'pending')
      .execute();
  }

  async markStage(requestIds: readonly string[], stage: 'aggregated' | 'mapped'): Promise<void> {
    await this.db
      .updateTable('orchestration')
      .set({ stage })
      .where('request_id', 'in', [...requestIds])
      .where('status', 'in', openStatuses)
      .execute();
  }

  /** @param tenantId whose it must be; null: anybody's */
  async job(jobId: string, tenantId: string | null): Promise<Job | null> {
    const row = await asTenant(this.db, tenantId)
      .selectFrom('orchestration')
      .selectAll('orchestration')
      .select((eb) =>
        eb
          .selectFrom('member_result')
          .whereRef('member_result.request_id', '=', 'orchestration.request_id')
          .select(sql<number>`count(distinct detector)::int`.as('n'))
          .as('finished'),
      )
      .where('job_id', '=', jobId)
      .executeTakeFirst();
    if (!row || row.job_id === null) return null;
    return {
      requestId: row.request_id,
      jobId: row.job_id,
      tenantId: row.tenant_id,
      runId: row.run_id,
      parentJobId: row.parent_job_id,
      status: row.status,
      stage: row.stage,
      planned: row.planned,
      finishedDetectors: row.finished ?? 0,
      errorCode: row.error_code,
      answer: await this.#open(row),
      createdAt: row.created_at,
      startedAt: row.started_at,
      completedAt: row.completed_at,
    };
  }

  /** Plan and request fields of a job, for a re-run. */
  async recipe({ requestId, tenantId }: Pick<Job, 'requestId' | 'tenantId'>): Promise<Buffer | null> {
    const row = await asTenant(this.db, tenantId)
      .selectFrom('orchestration')
      .select(['tenant_id', 'recipe'])
      .where('request_id', '=', requestId)
      .executeTakeFirst();
    if (!row?.recipe) return null;
    return this.keys.decryptFor(row.tenant_id, row.recipe, recipeContext(requestId));
  }

  /** Of concurrent calls one gets true. The run hears of it through NOTIFY; a cancelled job frees its key. */
  async cancel({ requestId, tenantId }: Pick<Job, 'requestId' | 'tenantId'>): Promise<boolean> {
    const db = asTenant(this.db, tenantId);
    return db.transaction().execute(async (tx) => {
      const cancelled = await tx
        .updateTable('orchestration')
        .set({ status: 'cancelled', completed_at: new Date() })
        .where('request_id', '=', requestId)
        .where('status', 'in', openStatuses)
        .returning('request_id')
        .executeTakeFirst();
      if (!cancelled) return false;
      await recordAudit(tx, {
        tenant_id: tenantId,
        request_id: requestId,
        kind: 'orchestration',
        record: { status: 'cancelled', decided_by: 'caller' },
      });
      await tx.deleteFrom('idempotency').where('request_id', '=', requestId).execute();
      await notify(tx, { kind: 'cancelled', request_id: requestId });
      return true;
    });
  }

  async cancelledAmong(requestIds: readonly string[]): Promise<Set<string>> {
    const rows = await this.db
      .selectFrom('orchestration')
      .select('request_id')
      .where('request_id', 'in', [...requestIds])
      .where('status', '=', 'cancelled')
      .execute();
    return new Set(rows.map((row) => row.request_id));
  }

  async openJobs(): Promise<number> {
    const row = await this.db
      .selectFrom('orchestration')
      .select(sql<number>`count(*)::int`.as('n'))
      .where('status', 'in', openStatuses)
      .executeTakeFirstOrThrow();
    return row.n;
  }

  /** Jobs that have not begun, by tenant. */
  async waitingJobs(): Promise<Map<string, number>> {
    const rows = await this.db
      .selectFrom('orchestration')
      .select(['tenant_id', sql<number>`count(*)::int`.as('n')])
      .where('status', '=', 'pending')
      .groupBy('tenant_id')
      .execute();
    return new Map(rows.map((row) => [row.tenant_id, row.n]));
  }

  seal(tenantId: string, requestId: string, body: Buffer): Promise<Buffer> {
    return this.keys.encryptFor(tenantId, body, answerContext(requestId));
  }

  async #open(
    row: Pick<Selectable<OrchestrationTable>, 'request_id' | 'tenant_id' | 'http_status' | 'answer'>,
  ): Promise<StoredAnswer | null> {
    if (row.answer === null) return null;
    const body = await this.keys.decryptFor(row.tenant_id, row.answer, answerContext(row.request_id));
    return { status: row.http_status, body };
  }
}

function answerContext(requestId: string): string {
  return `orchestration/answer/${requestId}`;
}

function recipeContext(requestId: string): string {
  return `orchestration/recipe/${requestId}`;
}
