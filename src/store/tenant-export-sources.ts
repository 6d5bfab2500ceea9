import { type RawBuilder, sql } from 'kysely';
import type { AuditRecords } from './audit-records';
import type { Db } from './database';
import type { EndedRuns } from './ended-runs';
import type { Orchestrations } from './orchestrations';
import type { TenantRecords } from './tenants';

export interface ExportPage {
  /** Each a JSON object. */
  readonly lines: readonly string[];
  /** Where the next page begins; null after the last. */
  readonly next: string | null;
}

/** A file of an export, which is read in pages. */
export interface ExportSource {
  readonly file: string;
  page(tenantId: string, after: string | null): Promise<ExportPage>;
}

const pageRows = 500;

interface TableSource {
  readonly file: string;
  readonly table: string;
  /** What rows are read by, and its type. */
  readonly key: readonly [column: string, type: 'uuid' | 'text' | 'bigint'];
  readonly columns: readonly string[];
  /** Default: by the column `tenant_id`. */
  readonly of?: (tenantId: string) => RawBuilder<unknown>;
}

/** Columns that are plain; what is sealed, or is a secret's digest, is not among them. */
const tables: readonly TableSource[] = [
  {
    file: 'api-keys',
    table: 'api_key',
    key: ['key_id', 'text'],
    columns: [
      ...['key_id', 'roles', 'scopes', 'description', 'rate_limit_per_minute', 'created_at', 'created_by'],
      ...['expires_at', 'revoked_at', 'rotated_to', 'last_used'],
    ],
  },
  {
    file: 'detectors',
    table: 'upstream',
    key: ['endpoint_id', 'text'],
    columns: [
      'endpoint_id',
      'kind',
      'source',
      'status',
      'traffic_percent',
      'document',
      'registration_time',
      'updated_at',
    ],
    of: (tenantId) => sql`starts_with(endpoint_id, ${`${tenantId}:`})`,
  },
  {
    file: 'allow-list',
    table: 'allow_list',
    key: ['sequence', 'bigint'],
    columns: [
      ...[
        'entry_id',
        'fingerprint',
        'policy_bundle',
        'detector',
        'label',
        'reason',
        'created_at',
        'created_by',
      ],
      ...['expires_at', 'approved_at', 'approved_by', 'revoked_at', 'revoked_by'],
    ],
  },
  {
    file: 'bulk-jobs',
    table: 'bulk_job',
    key: ['bulk_id', 'text'],
    columns: [
      ...['bulk_id', 'parent_bulk_id', 'status', 'correlation_id', 'items', 'created_at', 'started_at'],
      'completed_at',
    ],
  },
  {
    file: 'callbacks',
    table: 'callback',
    key: ['sequence', 'bigint'],
    columns: [
      ...['callback_id', 'request_id', 'bulk_id', 'status', 'attempts', 'replays', 'last_attempt_at'],
      ...['delivered_at', 'http_status', 'error'],
    ],
  },
  {
    file: 'policy-decisions',
    table: 'policy_decision',
    key: ['sequence', 'bigint'],
    columns: [
      ...['decision_id', 'request_id', 'policy_bundle', 'policy_version', 'policy_digest', 'decision'],
      ...['input_digest', 'outcome', 'result', 'detail', 'duration_ms', 'at'],
    ],
  },
  {
    file: 'plans',
    table: 'plan_record',
    key: ['plan_digest', 'text'],
    columns: ['plan_digest', 'record', 'used_at'],
  },
];

export interface ExportSourcesDependencies {
  readonly db: Db;
  readonly records: Pick<TenantRecords, 'find'>;
  readonly orchestrations: Pick<Orchestrations, 'finalAnswers'>;
  readonly endedRuns: Pick<EndedRuns, 'pageOfTenant'>;
  readonly audit: Pick<AuditRecords, 'page'>;
  /** All versions of all bundles, with their texts. */
  readonly policies: (tenantId: string) => Promise<readonly object[]>;
}

/** All that is a tenant's and can be shown, without content, which is not kept, and without secrets. */
export function exportSources(deps: ExportSourcesDependencies): readonly ExportSource[] {
  const { db } = deps;
  const whole = (file: string, read: (tenantId: string) => Promise<readonly object[]>): ExportSource => ({
    file,
    async page(tenantId) {
      return { lines: (await read(tenantId)).map((one) => JSON.stringify(one)), next: null };
    },
  });
  return [
    whole('tenant', async (tenantId) => {
      const record = await deps.records.find(tenantId);
      return record ? [record] : [];
    }),
    whole('policies', deps.policies),
    ...tables.map((source): ExportSource => ({
      file: source.file,
      page: (tenantId, after) => tablePage(db, source, tenantId, after),
    })),
    { file: 'orchestrations', page: (tenantId, after) => orchestrationPage(deps, tenantId, after) },
    {
      file: 'findings',
      page: async (tenantId, after) => {
        const { runs, next } = await deps.endedRuns.pageOfTenant(tenantId, after, pageRows);
        return { lines: runs.map((run) => JSON.stringify(run)), next };
      },
    },
    {
      file: 'audit',
      async page(tenantId, after) {
        const { records, next } = await deps.audit.page(tenantId, {}, pageRows, after);
        return { lines: records.map((record) => JSON.stringify(record)), next };
      },
    },
  ];
}

async function tablePage(
  db: Db,
  { table, key: [key, type], columns, of }: TableSource,
  tenantId: string,
  after: string | null,
): Promise<ExportPage> {
  const picked = columns.map((column) => sql`${sql.lit(column)}, ${sql.ref(column)}`);
  const behind = after === null ? sql`` : sql`and ${sql.ref(key)} > cast(${after} as ${sql.raw(type)})`;
  const { rows } = await sql<{ position: string; line: string }>`
    select ${sql.ref(key)}::text as position, json_build_object(${sql.join(picked)})::text as line
    from ${sql.table(table)}
    where ${of?.(tenantId) ?? sql`tenant_id = ${tenantId}`} ${behind}
    order by ${sql.ref(key)} limit ${pageRows}`.execute(db);
  return {
    lines: rows.map(({ line }) => line),
    next: rows.length < pageRows ? null : rows.at(-1)!.position,
  };
}

async function orchestrationPage(
  { db, orchestrations }: ExportSourcesDependencies,
  tenantId: string,
  after: string | null,
): Promise<ExportPage> {
  const rows = await db
    .selectFrom('orchestration')
    .select(['request_id', 'job_id', 'parent_job_id', 'status', 'http_status', 'error_code'])
    .select(['created_at', 'started_at', 'completed_at'])
    .where('tenant_id', '=', tenantId)
    .$if(after !== null, (matching) => matching.where('request_id', '>', after!))
    .orderBy('request_id')
    .limit(pageRows)
    .execute();
  const answers =
    rows.length === 0 ? null : await orchestrations.finalAnswers(rows.map(({ request_id: id }) => id));
  const lines = rows.map((row) => {
    const body = answers?.get(row.request_id)?.body.toString();
    return JSON.stringify({ ...row, answer: body === undefined ? null : (JSON.parse(body) as unknown) });
  });
  return { lines, next: rows.length < pageRows ? null : rows.at(-1)!.request_id };
}
