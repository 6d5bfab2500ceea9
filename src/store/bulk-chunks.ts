import type { Selectable } from 'kysely';
import type { ErrorResponse } from '../contract/answer';
import type { JobStatus } from '../contract/enums';
import type { Plan, RequestAbout } from '../contract/plan';
import type { OrchestrationRequest } from '../contract/request';
import { asTenant, type Db } from './database';
import { type KeyRing, RunKeyDestroyedError } from './key-ring';
import type { BulkChunkTable } from './schema';
import { seal, unseal } from './sealed-box';

export interface BulkItem {
  readonly line: number;
  readonly request_id: string;
  readonly request: OrchestrationRequest;
  readonly routing_tokens: readonly string[];
}

/** A line that is no request. */
export interface BulkRefusal {
  readonly line: number;
  readonly request_id: string;
  readonly error: ErrorResponse;
}

/** How a chunk was cut when it was loaded last: slices refer to plans and items. */
export interface PlannedBulkChunk {
  readonly run_id: string;
  readonly plans: readonly Plan[];
  readonly slices: readonly {
    readonly plan: number;
    readonly health_status: Readonly<Record<string, boolean>>;
    readonly request_ids: readonly string[];
    /** One for each of them; absent in what earlier releases wrote. */
    readonly about?: readonly (RequestAbout | null)[];
  }[];
}

export type BulkEntry = BulkItem | BulkRefusal;

/** What became of an item, if anything did. */
export interface BulkItemOutcome {
  /** Of the job. */
  readonly index: number;
  readonly line: number;
  readonly requestId: string;
  readonly refusal: ErrorResponse | null;
  readonly status: JobStatus | null;
  readonly httpStatus: number | null;
}

/** Table `bulk_chunk`: the items of bulk jobs, some hundred in a row of the table. */
export class BulkChunks {
  constructor(
    private readonly db: Db,
    private readonly keys: KeyRing,
  ) {}

  async add(
    chunk: {
      readonly bulkId: string;
      readonly tenantId: string;
      readonly chunk: number;
      readonly firstIndex: number;
    },
    entries: readonly BulkEntry[],
  ): Promise<void> {
    const { bulkId, tenantId } = chunk;
    const items = entries.filter((entry) => 'request' in entry);
    const refusals = entries.filter((entry) => 'error' in entry);
    const key = await this.#key(bulkId);
    await asTenant(this.db, tenantId)
      .insertInto('bulk_chunk')
      .values({
        bulk_id: bulkId,
        chunk: chunk.chunk,
        first_index: chunk.firstIndex,
        request_ids: entries.map((entry) => entry.request_id),
        lines: entries.map((entry) => entry.line),
        requests: items.length === 0 ? null : seal(key, bytesOf(items), requestsContext(bulkId, chunk.chunk)),
        refusals:
          refusals.length === 0
            ? null
            : await this.keys.encryptFor(tenantId, bytesOf(refusals), refusalsContext(bulkId, chunk.chunk)),
        refused: refusals.length,
        settled_at: items.length === 0 ? new Date() : null,
      })
      .execute();
  }

  /** @throws RunKeyDestroyedError when the retention of the requests is over */
  async items(bulkId: string, chunk: number): Promise<BulkItem[]> {
    const row = await this.db
      .selectFrom('bulk_chunk')
      .select(['requests', 'refused', 'request_ids'])
      .where('bulk_id', '=', bulkId)
      .where('chunk', '=', chunk)
      .executeTakeFirst();
    if (!row || row.refused === row.request_ids.length) return [];
    if (row.requests === null) throw new RunKeyDestroyedError(bulkId);
    const bytes = unseal(await this.#key(bulkId), row.requests, requestsContext(bulkId, chunk));
    return JSON.parse(bytes.toString()) as BulkItem[];
  }

  async savePlanned(bulkId: string, chunk: number, planned: PlannedBulkChunk): Promise<void> {
    const bytes = Buffer.from(JSON.stringify(planned));
    await this.db
      .updateTable('bulk_chunk')
      .set({ planned: seal(await this.#key(bulkId), bytes, plannedContext(bulkId, chunk)) })
      .where('bulk_id', '=', bulkId)
      .where('chunk', '=', chunk)
      .execute();
  }

  async planned(bulkId: string, chunk: number): Promise<PlannedBulkChunk | null> {
    const row = await this.db
      .selectFrom('bulk_chunk')
      .select('planned')
      .where('bulk_id', '=', bulkId)
      .where('chunk', '=', chunk)
      .executeTakeFirst();
    if (!row?.planned) return null;
    const bytes = unseal(await this.#key(bulkId), row.planned, plannedContext(bulkId, chunk));
    return JSON.parse(bytes.toString()) as PlannedBulkChunk;
  }

  /** Marks that a chunk is being run. @returns whether it never was before */
  async markStarted(bulkId: string, chunk: number): Promise<boolean> {
    const started = await this.db
      .updateTable('bulk_chunk')
      .set({ started_at: new Date() })
      .where('bulk_id', '=', bulkId)
      .where('chunk', '=', chunk)
      .where('started_at', 'is', null)
      .returning('chunk')
      .execute();
    return started.length === 1;
  }

  /** @returns null when the job has no such chunk */
  async outcomes(bulkId: string, tenantId: string, chunk: number): Promise<BulkItemOutcome[] | null> {
    const row = await asTenant(this.db, tenantId)
      .selectFrom('bulk_chunk')
      .select(['first_index', 'request_ids', 'lines', 'refusals'])
      .where('bulk_id', '=', bulkId)
      .where('chunk', '=', chunk)
      .executeTakeFirst();
    if (!row) return null;
    const refusals = await this.#refusals(bulkId, tenantId, chunk, row.refusals);
    const ended = await this.#ended(row.request_ids, tenantId);
    return row.request_ids.map((requestId, at) => ({
      index: row.first_index + at,
      line: row.lines[at]!,
      requestId,
      refusal: refusals.get(requestId) ?? null,
      status: ended.get(requestId)?.status ?? null,
      httpStatus: ended.get(requestId)?.http_status ?? null,
    }));
  }

  async #refusals(
    bulkId: string,
    tenantId: string,
    chunk: number,
    sealed: Selectable<BulkChunkTable>['refusals'],
  ): Promise<Map<string, ErrorResponse>> {
    if (sealed === null) return new Map();
    const bytes = await this.keys.decryptFor(tenantId, sealed, refusalsContext(bulkId, chunk));
    const refusals = JSON.parse(bytes.toString()) as BulkRefusal[];
    return new Map(refusals.map(({ request_id, error }) => [request_id, error]));
  }

  async #ended(requestIds: readonly string[], tenantId: string) {
    const rows = await asTenant(this.db, tenantId)
      .selectFrom('orchestration')
      .select(['request_id', 'status', 'http_status'])
      .where('request_id', 'in', [...requestIds])
      .where('status', 'not in', ['pending', 'running'])
      .execute();
    return new Map(rows.map((row) => [row.request_id, row]));
  }

  async #key(bulkId: string): Promise<Buffer> {
    const key = await this.keys.runKey(bulkId);
    if (key === null) throw new RunKeyDestroyedError(bulkId);
    return key;
  }
}

function bytesOf(entries: readonly BulkEntry[]): Buffer {
  return Buffer.from(JSON.stringify(entries));
}

function requestsContext(bulkId: string, chunk: number): string {
  return `bulk_chunk/requests/${bulkId}/${chunk}`;
}

function plannedContext(bulkId: string, chunk: number): string {
  return `bulk_chunk/planned/${bulkId}/${chunk}`;
}

function refusalsContext(bulkId: string, chunk: number): string {
  return `bulk_chunk/refusals/${bulkId}/${chunk}`;
}
