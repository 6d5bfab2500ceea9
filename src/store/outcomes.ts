import { sql } from 'kysely';
import type { JobStatus } from '../contract/enums';
import type { Db } from './database';
import { notify } from './notifications';
import type { Orchestrations, StoredAnswer } from './orchestrations';
import type { Runs } from './runs';

/** What became of one member, before it is known whether it has become a job. */
export interface Outcome {
  readonly requestId: string;
  readonly tenantId: string;
  readonly status: Extract<JobStatus, 'completed' | 'failed' | 'cancelled'>;
  readonly errorCode: string | null;
  readonly receivedAt: Date;
  /** Bytes of the answer; for a job they name it. */
  answer(jobId: string | null): StoredAnswer;
  /** The record for the audit log, without content or free text (spec/orchestration.md 1.12). */
  readonly audit: Record<string, unknown>;
}

export interface Published {
  readonly requestId: string;
  readonly jobId: string | null;
  /** The stored outcome is the truth, whoever wrote it; null for a cancelled job. */
  readonly answer: StoredAnswer | null;
}

/** The commit point: outcome, audit record and idempotent answer in one transaction (design.md 2). */
export class Outcomes {
  constructor(
    private readonly db: Db,
    private readonly orchestrations: Orchestrations,
    private readonly runs: Runs,
    private readonly settings: { readonly answerRetentionMs: number; readonly contentRetentionMs: number },
  ) {}

  /** First writer wins: an outcome that is already there stays and is returned (design.md 7, 11). */
  async publish(runId: string, outcomes: readonly Outcome[]): Promise<Published[]> {
    const published = await this.db.transaction().execute(async (tx) => {
      const fresh =
        outcomes.length > 0 ? await this.#insertAnswers(tx, runId, outcomes) : new Map<string, Published>();
      const rest = outcomes.filter((outcome) => !fresh.has(outcome.requestId));
      const jobs = rest.length > 0 ? await this.#finishJobs(tx, rest) : new Map<string, Published>();
      const written = outcomes.filter((o) => fresh.has(o.requestId) || jobs.get(o.requestId)?.answer);
      await this.#audit(tx, written);
      await freeKeys(tx, written);
      await this.runs.close(runId, new Date(Date.now() + this.settings.contentRetentionMs), tx);
      await notify(tx, { kind: 'published', run_id: runId });
      return outcomes.map((outcome) => fresh.get(outcome.requestId) ?? jobs.get(outcome.requestId)!);
    });
    return Promise.all(published.map((member) => this.#withStoredAnswer(member)));
  }

  async #insertAnswers(tx: Db, runId: string, outcomes: readonly Outcome[]): Promise<Map<string, Published>> {
    const answers = outcomes.map((outcome) => ({ outcome, answer: outcome.answer(null) }));
    const rows = await Promise.all(
      answers.map(async ({ outcome, answer }) => ({
        request_id: outcome.requestId,
        tenant_id: outcome.tenantId,
        run_id: runId,
        status: outcome.status,
        http_status: answer.status,
        answer: await this.orchestrations.seal(outcome.tenantId, outcome.requestId, answer.body),
        error_code: outcome.errorCode,
        created_at: outcome.receivedAt,
        started_at: outcome.receivedAt,
        completed_at: new Date(),
        expires_at: new Date(Date.now() + this.settings.answerRetentionMs),
      })),
    );
    const inserted = await tx
      .insertInto('orchestration')
      .values(rows)
      .onConflict((conflict) => conflict.doNothing())
      .returning('request_id')
      .execute();
    const fresh = new Set(inserted.map((row) => row.request_id));
    return new Map(
      answers
        .filter(({ outcome }) => fresh.has(outcome.requestId))
        .map(({ outcome, answer }) => [
          outcome.requestId,
          { requestId: outcome.requestId, jobId: null, answer },
        ]),
    );
  }

  /** Members that were jobs already: asynchronous from the start, or converted meanwhile. */
  async #finishJobs(tx: Db, outcomes: readonly Outcome[]): Promise<Map<string, Published>> {
    const rows = await tx
      .selectFrom('orchestration')
      .select(['request_id', 'job_id', 'status'])
      .where(
        'request_id',
        'in',
        outcomes.map((outcome) => outcome.requestId),
      )
      .forUpdate()
      .execute();
    const byId = new Map(outcomes.map((outcome) => [outcome.requestId, outcome]));
    const published = new Map<string, Published>();
    for (const row of rows) {
      const outcome = byId.get(row.request_id)!;
      const open = row.status === 'pending' || row.status === 'running';
      const answer = open ? outcome.answer(row.job_id) : null;
      if (answer) await this.#finishJob(tx, outcome, answer);
      published.set(row.request_id, { requestId: row.request_id, jobId: row.job_id, answer });
    }
    return published;
  }

  async #finishJob(tx: Db, outcome: Outcome, answer: StoredAnswer): Promise<void> {
    await tx
      .updateTable('orchestration')
      .set({
        status: outcome.status,
        http_status: answer.status,
        answer: await this.orchestrations.seal(outcome.tenantId, outcome.requestId, answer.body),
        error_code: outcome.errorCode,
        completed_at: new Date(),
      })
      .where('request_id', '=', outcome.requestId)
      .execute();
  }

  async #audit(tx: Db, outcomes: readonly Outcome[]): Promise<void> {
    if (outcomes.length === 0) return;
    const rows = outcomes.map((outcome) => ({
      tenant_id: outcome.tenantId,
      request_id: outcome.requestId,
      kind: 'orchestration',
      record: JSON.stringify(outcome.audit),
    }));
    await tx.insertInto('audit').values(rows).execute();
  }

  async #withStoredAnswer(member: Published): Promise<Published> {
    if (member.answer) return member;
    const stored = await this.orchestrations.finalAnswers([member.requestId]);
    return { ...member, answer: stored.get(member.requestId) ?? null };
  }
}

/** An error frees the caller's key, so that a retry with it runs again (spec/orchestration.md 6). */
async function freeKeys(tx: Db, outcomes: readonly Outcome[]): Promise<void> {
  const failed = outcomes
    .filter((outcome) => outcome.status !== 'completed')
    .map((outcome) => outcome.requestId);
  if (failed.length === 0) return;
  await tx
    .deleteFrom('idempotency')
    .where(sql<boolean>`request_id = any(${sql.val(failed)}::uuid[])`)
    .execute();
}
