import { sql } from 'kysely';
import type { JobStatus } from '../contract/enums';
import type { OrchestrationEnd, OrchestrationFacts } from '../contract/orchestration-end';
import { asTenant, type Db } from './database';
import { notify } from './notifications';
import type { Orchestrations, StoredAnswer } from './orchestrations';
import { packed } from './packed';
import { isRefusal, writeApart } from './refused-rows';
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
  /** For those who count; absent where the request could not be read any more. */
  readonly facts?: OrchestrationFacts;
  /** The record for the audit log, without content or free text (spec/orchestration.md 1.12). */
  readonly audit: Record<string, unknown>;
}

export interface Published {
  readonly requestId: string;
  readonly jobId: string | null;
  /** The stored outcome is the truth, whoever wrote it: here and in the answer. */
  readonly status: JobStatus;
  readonly answer: StoredAnswer | null;
}

export interface PublishOptions {
  /** Others of the run are still to be published: it is not closed. */
  readonly open?: boolean;
  /** What is published of a member whose outcome the database refuses; without it the whole is refused. */
  readonly standIn?: (refused: Outcome) => Outcome;
}

/** The commit point: outcome, audit record and idempotent answer in one transaction (design.md 2). */
export class Outcomes {
  constructor(
    private readonly db: Db,
    private readonly orchestrations: Orchestrations,
    private readonly runs: Runs,
    private readonly settings: { readonly answerRetentionMs: number; readonly contentRetentionMs: number },
    /** Told of every orchestration that ends here, once. */
    private readonly ended: (end: OrchestrationEnd) => void = () => undefined,
  ) {}

  /** First writer wins: an outcome that is already there stays and is returned (design.md 7, 11). */
  async publish(
    runId: string,
    outcomes: readonly Outcome[],
    { open = false, standIn }: PublishOptions = {},
  ): Promise<Published[]> {
    const destroyAt = new Date(Date.now() + this.settings.contentRetentionMs);
    if (outcomes.length === 0) {
      await this.runs.close(runId, destroyAt);
      return [];
    }
    const write = (some: readonly Outcome[], last: boolean) => this.#write(runId, some, destroyAt, last);
    try {
      return await write(outcomes, !open);
    } catch (error) {
      if (!standIn || !isRefusal(error)) throw error;
    }
    const published = await writeApart(outcomes, (some) => write(some, false), standIn);
    if (!open) await this.runs.close(runId, destroyAt);
    return published;
  }

  async #write(
    runId: string,
    outcomes: readonly Outcome[],
    destroyAt: Date,
    last: boolean,
  ): Promise<Published[]> {
    const fresh = await this.#publishFresh(runId, outcomes, destroyAt, last);
    const rest = outcomes.filter((outcome) => !fresh.has(outcome.requestId));
    const others =
      rest.length > 0 ? await this.#publishRest(runId, rest, destroyAt, last) : new Map<string, Published>();
    return outcomes.map(({ requestId }) => fresh.get(requestId) ?? others.get(requestId)!);
  }

  /**
   * Outcomes of members that nothing is known of yet, all in one statement: answers, audit rows, keys that errors free
   * and, when that was the whole run, its end.
   */
  async #publishFresh(
    runId: string,
    outcomes: readonly Outcome[],
    destroyAt: Date,
    last: boolean,
  ): Promise<Map<string, Published>> {
    const now = new Date();
    const expiresAt = new Date(now.getTime() + this.settings.answerRetentionMs);
    const answers = outcomes.map((outcome) => outcome.answer(null));
    const sealed = await Promise.all(
      outcomes.map(({ tenantId, requestId }, index) =>
        this.orchestrations.seal(tenantId, requestId, answers[index]!.body),
      ),
    );
    const { pack, places } = packed(sealed);
    // One parameter, whatever the number of members: building and planning thousands of them took longer than the rest.
    const rows = outcomes.map((outcome, index) => ({
      request_id: outcome.requestId,
      tenant_id: outcome.tenantId,
      status: outcome.status,
      http_status: answers[index]!.status,
      error_code: outcome.errorCode,
      received_at: outcome.receivedAt,
      record: outcome.audit,
      ...places[index]!,
    }));
    const { rows: inserted } = await sql<{ request_id: string }>`
      with given as (
        select * from json_to_recordset(${JSON.stringify(rows)}::json)
          as row(request_id uuid, tenant_id text, status text, http_status int, error_code text,
                 received_at timestamptz, record jsonb, bytes_from int, bytes_length int)
      ),
      fresh as (
        insert into orchestration (request_id, tenant_id, run_id, status, http_status, answer, error_code, created_at,
                                   started_at, completed_at, expires_at)
        select request_id, tenant_id, ${runId}::text, status, http_status,
               substring(${pack}::bytea from bytes_from for bytes_length), error_code,
               received_at, received_at, ${now}::timestamptz, ${expiresAt}::timestamptz
        from given
        on conflict do nothing
        returning request_id, status
      ),
      noted as (
        insert into audit (tenant_id, request_id, kind, record)
        select tenant_id, request_id, 'orchestration', record from given join fresh using (request_id)
      ),
      freed as (
        delete from idempotency using fresh
        where idempotency.request_id = fresh.request_id and fresh.status <> 'completed'
      ),
      closed as (
        update run_key set closed_at = now(), destroy_at = ${destroyAt}::timestamptz
        where run_id = ${runId} and closed_at is null and ${last}::boolean
          and (select count(*) from fresh) = ${outcomes.length}::int
      ),
      told as (select pg_notify('conclave', ${JSON.stringify({ kind: 'published', run_id: runId })}))
      select fresh.request_id from fresh, told`.execute(asTenant(this.db, outcomes[0]!.tenantId));
    const fresh = new Set(inserted.map((row) => row.request_id));
    for (const [index, outcome] of outcomes.entries())
      if (fresh.has(outcome.requestId)) this.ended(endOf(outcome, answers[index]!.status, false));
    return new Map(
      outcomes.flatMap(({ requestId, status }, index) =>
        fresh.has(requestId)
          ? [[requestId, { requestId, jobId: null, status, answer: answers[index]! }] as const]
          : [],
      ),
    );
  }

  /** Members that had become jobs, or that another had published, and then the end of the run. */
  async #publishRest(
    runId: string,
    outcomes: readonly Outcome[],
    destroyAt: Date,
    last: boolean,
  ): Promise<Map<string, Published>> {
    const { tenantId } = outcomes[0]!;
    const db = asTenant(this.db, tenantId);
    const published = await db.transaction().execute(async (tx) => {
      const finished = await this.#finishJobs(tx, runId, outcomes);
      const written = outcomes.filter(({ requestId }) => finished.get(requestId)?.answer);
      await this.#audit(tx, written);
      await freeKeys(tx, written);
      if (last) await this.runs.close(runId, destroyAt, tx);
      await notify(tx, { kind: 'published', run_id: runId });
      return finished;
    });
    for (const outcome of outcomes) {
      const member = published.get(outcome.requestId);
      const isWritten = member?.answer || (member?.status === 'cancelled' && outcome.status === 'cancelled');
      if (member && isWritten)
        this.ended(endOf(outcome, member.answer?.status ?? null, member.jobId !== null));
    }
    const members = await Promise.all(
      [...published.values()].map((member) => this.#withStoredAnswer(member, tenantId)),
    );
    return new Map(members.map((member) => [member.requestId, member]));
  }

  /** Members that were jobs already: asynchronous from the start, or converted meanwhile. */
  async #finishJobs(tx: Db, runId: string, outcomes: readonly Outcome[]): Promise<Map<string, Published>> {
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
    const finished: (readonly [Outcome, StoredAnswer])[] = [];
    for (const row of rows) {
      const outcome = byId.get(row.request_id)!;
      const open = row.status === 'pending' || row.status === 'running';
      const answer = open ? outcome.answer(row.job_id) : null;
      if (answer) finished.push([outcome, answer]);
      published.set(row.request_id, {
        requestId: row.request_id,
        jobId: row.job_id,
        status: open ? outcome.status : row.status,
        answer,
      });
    }
    if (finished.length > 0) await this.#writeJobs(tx, runId, finished);
    return published;
  }

  async #writeJobs(
    tx: Db,
    runId: string,
    finished: readonly (readonly [Outcome, StoredAnswer])[],
  ): Promise<void> {
    const rows = await Promise.all(
      finished.map(async ([outcome, { status, body }]) => {
        const sealed = await this.orchestrations.seal(outcome.tenantId, outcome.requestId, body);
        return sql`(${outcome.requestId}::uuid, ${outcome.status}, ${status}::int, ${sealed}::bytea,
          ${outcome.errorCode})`;
      }),
    );
    await sql`
      update orchestration
      set run_id = ${runId}, status = given.status, http_status = given.http_status, answer = given.answer,
          error_code = given.error_code, completed_at = ${new Date()}::timestamptz
      from (values ${sql.join(rows)}) as given (request_id, status, http_status, answer, error_code)
      where orchestration.request_id = given.request_id`.execute(tx);
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

  async #withStoredAnswer(member: Published, tenantId: string): Promise<Published> {
    if (member.answer) return member;
    const stored = await this.orchestrations.finalAnswers([member.requestId], tenantId);
    return { ...member, answer: stored.get(member.requestId) ?? null };
  }
}

function endOf(outcome: Outcome, httpStatus: number | null, isJob: boolean): OrchestrationEnd {
  const { tenantId, receivedAt, facts } = outcome;
  const status = statusOf(outcome, httpStatus);
  return {
    tenantId,
    status,
    isJob,
    ms: Math.max(0, Date.now() - receivedAt.getTime()),
    facts: facts ?? null,
  };
}

function statusOf({ status, errorCode }: Outcome, httpStatus: number | null): OrchestrationEnd['status'] {
  if (status === 'cancelled') return 'cancelled';
  if (httpStatus === 200) return 'success';
  if (httpStatus === 206) return 'partial';
  return errorCode === 'REQUEST_TIMEOUT' ? 'timeout' : 'error';
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
