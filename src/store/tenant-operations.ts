import { type Selectable, sql } from 'kysely';
import type { ReportSignature } from '../contract/signed-report';
import type {
  TenantOperation,
  TenantOperationKind,
  TenantOperationReport,
} from '../contract/tenant-operations';
import { everyTenant, recordAudit } from './audit-log';
import type { Db } from './database';
import type { TenantOperationTables } from './schema-tenant-operations';

type OperationRow = Selectable<TenantOperationTables['tenant_operation']>;

export interface NewTenantOperation {
  readonly operationId: string;
  readonly kind: TenantOperationKind;
  readonly tenantId: string;
  readonly startedBy: string;
  readonly requestId: string;
  readonly asked?: object | undefined;
}

export interface TenantReport {
  readonly report: TenantOperationReport;
  readonly signature: ReportSignature;
  /** When what was made goes away. */
  readonly expiresAt?: Date;
}

/** Table `tenant_operation`: of each kind a tenant has one at work at a time. */
export class TenantOperations {
  constructor(private readonly db: Db) {}

  /** As part of the transaction that it begins with. @returns whether none was at work */
  async begin(tx: Db, operation: NewTenantOperation): Promise<boolean> {
    const begun = await tx
      .insertInto('tenant_operation')
      .values({
        operation_id: operation.operationId,
        tenant_id: operation.tenantId,
        kind: operation.kind,
        started_by: operation.startedBy,
        request_id: operation.requestId,
        ...(operation.asked === undefined ? {} : { asked: JSON.stringify(operation.asked) }),
      })
      .onConflict((conflict) => conflict.doNothing())
      .returning('operation_id')
      .execute();
    if (begun.length === 0) return false;
    await audit(tx, operation.tenantId, operation.requestId, {
      principal: operation.startedBy,
      what: `${operation.kind}_begun`,
      operation_id: operation.operationId,
    });
    return true;
  }

  async find(operationId: string): Promise<TenantOperation | null> {
    const row = await this.row(operationId);
    return row ? operationOf(row) : null;
  }

  async row(operationId: string): Promise<OperationRow | undefined> {
    return this.db
      .selectFrom('tenant_operation')
      .selectAll()
      .where('operation_id', '=', operationId)
      .executeTakeFirst();
  }

  /** The latest of its kind that has not failed. */
  async latest(tenantId: string, kind: TenantOperationKind): Promise<TenantOperation | null> {
    const row = await this.db
      .selectFrom('tenant_operation')
      .selectAll()
      .where('tenant_id', '=', tenantId)
      .where('kind', '=', kind)
      .where('status', '<>', 'failed')
      .orderBy('started_at', 'desc')
      .limit(1)
      .executeTakeFirst();
    return row ? operationOf(row) : null;
  }

  /** The latest first. */
  async list(tenantId: string, most: number): Promise<TenantOperation[]> {
    const rows = await this.db
      .selectFrom('tenant_operation')
      .selectAll()
      .where('tenant_id', '=', tenantId)
      .orderBy('started_at', 'desc')
      .orderBy('operation_id')
      .limit(most)
      .execute();
    return rows.map(operationOf);
  }

  async running(): Promise<TenantOperation[]> {
    const rows = await this.db
      .selectFrom('tenant_operation')
      .selectAll()
      .where('status', '=', 'running')
      .execute();
    return rows.map(operationOf);
  }

  async atStep(operationId: string, step: string): Promise<void> {
    await this.db
      .updateTable('tenant_operation')
      .set({ step })
      .where('operation_id', '=', operationId)
      .where('status', '=', 'running')
      .execute();
  }

  /** Counts more of something, as part of the transaction that deals with it. */
  async count(tx: Db, operationId: string, what: string, more: number): Promise<void> {
    if (more === 0) return;
    await tx
      .updateTable('tenant_operation')
      .set({
        progress: sql<string>`jsonb_set(progress, array[${what}]::text[],
          to_jsonb(coalesce((progress->>${what})::bigint, 0) + ${more}::bigint))`,
      })
      .where('operation_id', '=', operationId)
      .execute();
  }

  /** With its report on record; one that has ended stays as it is. */
  async complete(operationId: string, { report, signature, expiresAt }: TenantReport): Promise<void> {
    await this.db.transaction().execute(async (tx) => {
      const ended = await tx
        .updateTable('tenant_operation')
        .set({
          status: 'completed',
          step: null,
          completed_at: new Date(report.completed_at),
          report: JSON.stringify(report),
          signature: JSON.stringify(signature),
          ...(expiresAt && { expires_at: expiresAt }),
        })
        .where('operation_id', '=', operationId)
        .where('status', '=', 'running')
        .returning(['tenant_id', 'kind', 'started_by', 'request_id'])
        .executeTakeFirst();
      if (!ended) return;
      const record = {
        principal: ended.started_by,
        what: `${ended.kind}_completed`,
        operation_id: operationId,
        report,
        signature: signature.value,
      };
      await audit(tx, ended.tenant_id, ended.request_id, record);
      // Whoever runs the installation has it in the one chain that no tenant's end ends.
      if (ended.kind === 'erasure')
        await audit(tx, everyTenant, ended.request_id, { ...record, tenant_id: ended.tenant_id });
    });
  }

  /** Keeps a secret that an operation has made, encrypted, until it is taken; one that is kept already stays. */
  async keepSecret(operationId: string, sealed: Buffer): Promise<void> {
    await this.db
      .updateTable('tenant_operation')
      .set({ secret: sealed })
      .where('operation_id', '=', operationId)
      .where('status', '=', 'running')
      .where('secret', 'is', null)
      .execute();
  }

  /** Of concurrent calls one gets it. @returns null when it is gone */
  async takeSecret(
    operationId: string,
    by: { principal: string; requestId: string },
  ): Promise<Buffer | null> {
    return this.db.transaction().execute(async (tx) => {
      const kept = await tx
        .selectFrom('tenant_operation')
        .select(['tenant_id', 'secret'])
        .where('operation_id', '=', operationId)
        .where('status', '=', 'completed')
        .forUpdate()
        .executeTakeFirst();
      if (!kept?.secret) return null;
      await dropSecret(tx, operationId);
      const record = { principal: by.principal, what: 'secret_taken', operation_id: operationId };
      await audit(tx, kept.tenant_id, by.requestId, record);
      return kept.secret;
    });
  }

  /** What nobody has taken in an hour nobody is shown. */
  async dropOldSecrets(): Promise<void> {
    await this.db
      .updateTable('tenant_operation')
      .set({ secret: null })
      .where('secret', 'is not', null)
      .where('completed_at', '<', sql<Date>`now() - interval '1 hour'`)
      .execute();
  }

  /** One that has ended stays as it is. */
  async fail(operationId: string, error: string): Promise<void> {
    await this.db.transaction().execute(async (tx) => {
      const ended = await tx
        .updateTable('tenant_operation')
        .set({ status: 'failed', error, secret: null, completed_at: sql<Date>`now()` })
        .where('operation_id', '=', operationId)
        .where('status', '=', 'running')
        .returning(['tenant_id', 'kind', 'started_by', 'request_id'])
        .executeTakeFirst();
      if (!ended) return;
      const { tenant_id: tenantId, kind, started_by: principal, request_id: requestId } = ended;
      await audit(tx, tenantId, requestId, {
        principal,
        what: `${kind}_failed`,
        operation_id: operationId,
        error,
      });
    });
  }
}

async function dropSecret(tx: Db, operationId: string): Promise<void> {
  await tx
    .updateTable('tenant_operation')
    .set({ secret: null })
    .where('operation_id', '=', operationId)
    .execute();
}

function audit(tx: Db, tenantId: string, requestId: string, record: object): Promise<void> {
  return recordAudit(tx, { tenant_id: tenantId, request_id: requestId, kind: 'tenant_operation', record });
}

function operationOf(row: OperationRow): TenantOperation {
  return {
    operation_id: row.operation_id,
    tenant_id: row.tenant_id,
    kind: row.kind,
    status: row.status,
    step: row.step,
    progress: { ...row.progress },
    error: row.error,
    started_by: row.started_by,
    started_at: row.started_at.toISOString(),
    completed_at: row.completed_at?.toISOString() ?? null,
    expires_at: row.expires_at?.toISOString() ?? null,
    report: row.report,
    signature: row.signature,
  };
}
