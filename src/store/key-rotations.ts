import { type Selectable, sql } from 'kysely';
import type { KeyRotation } from '../contract/keys-api';
import { everyTenant, recordAudit } from './audit-log';
import type { Db } from './database';
import type { Notices } from './notices';
import type { KeyRotationTable } from './schema-keys';
import { inKeysTurn } from './tenant-keys';

/** Of the master key. */
const masterScope = 'master';
const tenantScope = 'tenant/';
const listed = 200;

export interface NewRotation {
  readonly rotationId: string;
  /** Null: of the master key. */
  readonly tenantId: string | null;
  readonly from: string;
  readonly to: string | null;
  readonly total: number;
  readonly startedBy: string;
}

/** Table `key_rotation`: of the master key one runs at a time. */
export class KeyRotations {
  constructor(
    private readonly db: Db,
    private readonly notices: Pick<Notices, 'record'>,
  ) {}

  /** Of the master key. @returns the one that runs already, if one does */
  async begin(rotation: NewRotation): Promise<KeyRotation> {
    await this.db
      .insertInto('key_rotation')
      .values(rowOf(rotation))
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    // It may be over already.
    return (await this.find(rotation.rotationId)) ?? (await this.running()) ?? this.begin(rotation);
  }

  async find(rotationId: string): Promise<KeyRotation | null> {
    const row = await this.db
      .selectFrom('key_rotation')
      .selectAll()
      .where('rotation_id', '=', rotationId)
      .executeTakeFirst();
    return row ? rotationOf(row) : null;
  }

  /** Of the master key. */
  async running(): Promise<KeyRotation | null> {
    const row = await this.db
      .selectFrom('key_rotation')
      .selectAll()
      .where('scope', '=', masterScope)
      .where('status', '=', 'running')
      .executeTakeFirst();
    return row ? rotationOf(row) : null;
  }

  /** The latest first. */
  async list(): Promise<{ readonly rotations: KeyRotation[]; readonly total: number }> {
    const rows = await this.db
      .selectFrom('key_rotation')
      .selectAll()
      .orderBy('started_at', 'desc')
      .orderBy('rotation_id')
      .limit(listed)
      .execute();
    const { total } = await this.db
      .selectFrom('key_rotation')
      .select(sql<number>`count(*)::int`.as('total'))
      .executeTakeFirstOrThrow();
    return { rotations: rows.map(rotationOf), total };
  }

  async aim(rotationId: string, to: string, total: number): Promise<void> {
    await this.#update(rotationId, { to_key: to, keys_total: total });
  }

  async progress(rotationId: string, done: number): Promise<void> {
    await this.#update(rotationId, { keys_done: done });
  }

  /**
   * One that has ended stays as it is.
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
  async note(tx: Db, rotation: NewRotation): Promise<void> {
    await tx
      .insertInto('key_rotation')
      .values({
        ...rowOf(rotation),
        status: 'completed',
        keys_done: rotation.total,
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

function rowOf(rotation: NewRotation) {
  return {
    rotation_id: rotation.rotationId,
    scope: rotation.tenantId === null ? masterScope : tenantScope + rotation.tenantId,
    from_key: rotation.from,
    to_key: rotation.to,
    keys_total: rotation.total,
    started_by: rotation.startedBy,
  };
}

function rotationOf(row: Selectable<KeyRotationTable>): KeyRotation {
  return {
    rotation_id: row.rotation_id,
    tenant_id: row.scope === masterScope ? null : row.scope.slice(tenantScope.length),
    status: row.status,
    from: row.from_key,
    to: row.to_key,
    keys_total: row.keys_total,
    keys_done: row.keys_done,
    error: row.error,
    started_by: row.started_by,
    started_at: row.started_at.toISOString(),
    completed_at: row.completed_at?.toISOString() ?? null,
  };
}
