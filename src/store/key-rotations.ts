import { type Selectable, sql } from 'kysely';
import type { KeyRotation, KeyRotationKind } from '../contract/keys-api';
import { everyTenant, recordAudit } from './audit-log';
import type { Db } from './database';
import type { Notices } from './notices';
import type { KeyRotationTable } from './schema-keys';
import { inKeysTurn } from './tenant-keys';

const scopes = { master_key: 'master', tenant_keys: 'tenants' } as const;
const tenantScope = 'tenant/';
const listed = 200;

/** One that takes its time. */
export interface NewRotation {
  readonly rotationId: string;
  readonly kind: keyof typeof scopes;
  readonly from: string | null;
  readonly to: string | null;
  readonly total: number;
  readonly startedBy: string;
  readonly workflowId?: string;
}

/** Of a tenant's key, which is done at once or not at all. */
export interface TenantRotation {
  readonly rotationId: string;
  readonly tenantId: string;
  readonly from: number;
  readonly to: number;
  readonly startedBy: string;
  /** The rotation of all tenants' keys that it is a part of. */
  readonly partOf: string | null;
  /** Null: it was done. */
  readonly error: string | null;
}

/** Table `key_rotation`: of the master key, and of all tenants' keys, one runs at a time. */
export class KeyRotations {
  constructor(
    private readonly db: Db,
    private readonly notices: Pick<Notices, 'record'>,
  ) {}

  /** @returns the one of the kind that runs already, if one does */
  async begin(rotation: NewRotation): Promise<KeyRotation> {
    await this.db
      .insertInto('key_rotation')
      .values({
        rotation_id: rotation.rotationId,
        scope: scopes[rotation.kind],
        from_key: rotation.from,
        to_key: rotation.to,
        keys_total: rotation.total,
        started_by: rotation.startedBy,
        workflow_id: rotation.workflowId ?? `key-rotation-${rotation.rotationId}`,
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    // It may be over already.
    const running = (await this.running()).find(({ kind }) => kind === rotation.kind);
    return (await this.find(rotation.rotationId)) ?? running ?? this.begin(rotation);
  }

  async find(rotationId: string): Promise<KeyRotation | null> {
    const row = await this.db
      .selectFrom('key_rotation')
      .selectAll()
      .where('rotation_id', '=', rotationId)
      .executeTakeFirst();
    return row ? rotationOf(row) : null;
  }

  /** At most one of a kind. */
  async running(): Promise<KeyRotation[]> {
    const rows = await this.db
      .selectFrom('key_rotation')
      .selectAll()
      .where('status', '=', 'running')
      .orderBy('started_at')
      .execute();
    return rows.map(rotationOf);
  }

  /**
   * The latest first; of the parts of one, those that failed before the others.
   * @param partOf null: those that are parts of none
   */
  async list(partOf: string | null): Promise<{ readonly rotations: KeyRotation[]; readonly total: number }> {
    const some = this.db
      .selectFrom('key_rotation')
      .where(sql<boolean>`part_of is not distinct from ${partOf}::uuid`);
    const rows = await some
      .selectAll()
      .orderBy(sql`part_of is not null and status = 'restored'`, 'desc')
      .orderBy('started_at', 'desc')
      .orderBy('rotation_id')
      .limit(listed)
      .execute();
    const { total } = await some.select(sql<number>`count(*)::int`.as('total')).executeTakeFirstOrThrow();
    return { rotations: rows.map(rotationOf), total };
  }

  async aim(rotationId: string, to: string, total: number): Promise<void> {
    await this.#update(rotationId, { to_key: to, keys_total: total });
  }

  async progress(rotationId: string, done: number): Promise<void> {
    await this.#update(rotationId, { keys_done: done });
  }

  /**
   * Of the master key. One that has ended stays as it is.
   * @throws Error while the master key in use is not the one that such an end leaves
   */
  async end(rotationId: string, status: 'completed' | 'restored', error: string | null): Promise<void> {
    await inKeysTurn(this.db, async (tx) => {
      const rotation = await tx
        .selectFrom('key_rotation')
        .leftJoin('master_key', (join) => join.onRef('key_id', '=', 'to_key').on('replaced_at', 'is', null))
        .select(['status', 'key_id as new_key_in_use'])
        .where('rotation_id', '=', rotationId)
        .executeTakeFirst();
      if (rotation?.status !== 'running') return;
      if ((rotation.new_key_in_use !== null) !== (status === 'completed')) {
        throw new Error(`the rotation cannot be ${status}: another master key is in use`);
      }
      const ended = await tx
        .updateTable('key_rotation')
        .set((eb) => ({
          status,
          error,
          completed_at: sql<Date>`now()`,
          keys_done: status === 'completed' ? eb.ref('keys_total') : sql<number>`0`,
        }))
        .where('rotation_id', '=', rotationId)
        .returning(['started_by', 'from_key', 'to_key'])
        .executeTakeFirstOrThrow();
      const { started_by: principal, from_key: from, to_key: to } = ended;
      await recordAudit(tx, {
        tenant_id: everyTenant,
        request_id: rotationId,
        kind: 'key_change',
        record: { principal, what: `master_key_rotation_${status}`, from, to, error },
      });
      const event = status === 'completed' ? 'key_rotation_completed' : 'key_rotation_failed';
      await this.notices.record(tx, [{ event, tenant_id: null, subject: rotationId, reason: null }]);
    });
  }

  /** Of a tenant's key, as part of the transaction that changes it. */
  async note(tx: Db, rotation: TenantRotation): Promise<void> {
    await tx
      .insertInto('key_rotation')
      .values({
        rotation_id: rotation.rotationId,
        scope: tenantScope + rotation.tenantId,
        status: rotation.error === null ? 'completed' : 'restored',
        from_key: String(rotation.from),
        to_key: String(rotation.to),
        keys_total: 1,
        keys_done: rotation.error === null ? 1 : 0,
        error: rotation.error,
        started_by: rotation.startedBy,
        part_of: rotation.partOf,
        completed_at: new Date(),
      })
      .execute();
  }

  async #update(
    rotationId: string,
    change: { readonly to_key?: string; readonly keys_total?: number; readonly keys_done?: number },
  ): Promise<void> {
    await this.db
      .updateTable('key_rotation')
      .set(change)
      .where('rotation_id', '=', rotationId)
      .where('status', '=', 'running')
      .execute();
  }
}

function rotationOf(row: Selectable<KeyRotationTable>): KeyRotation {
  const kind = kindOf(row.scope);
  return {
    rotation_id: row.rotation_id,
    kind,
    tenant_id: kind === 'tenant_key' ? row.scope.slice(tenantScope.length) : null,
    part_of: row.part_of,
    status: row.status,
    from: row.from_key,
    to: row.to_key,
    keys_total: row.keys_total,
    keys_done: row.keys_done,
    error: row.error,
    workflow_id: row.workflow_id,
    started_by: row.started_by,
    started_at: row.started_at.toISOString(),
    completed_at: row.completed_at?.toISOString() ?? null,
  };
}

function kindOf(scope: string): KeyRotationKind {
  if (scope.startsWith(tenantScope)) return 'tenant_key';
  return scope === scopes.master_key ? 'master_key' : 'tenant_keys';
}
