import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { everyTenant, recordAudit } from './audit-log';
import type { Db } from './database';
import type { KeyRotations } from './key-rotations';
import type { Notices } from './notices';
import { type KeyChange, KeyVerificationError, type TenantKeys } from './tenant-keys';

/**
 * New keys for tenants, one after the other. What became of each is on record with its change, and is how far a rotation
 * of all is: so each has one new key of it, whoever goes on with it.
 */
export class TenantKeyRotations {
  constructor(
    private readonly db: Db,
    private readonly keys: Pick<TenantKeys, 'addVersion' | 'newestVersion'>,
    private readonly rotations: Pick<KeyRotations, 'note'>,
    private readonly notices: Pick<Notices, 'record'>,
  ) {}

  /** Tenants that have a key. */
  async count(): Promise<number> {
    const { count } = await this.db
      .selectFrom('tenant_key')
      .select(sql<number>`count(distinct tenant_id)::int`.as('count'))
      .where('wrapped_key', 'is not', null)
      .where('tenant_id', '<>', everyTenant)
      .executeTakeFirstOrThrow();
    return count;
  }

  /** Some of those whose turn has not come. */
  async left(rotationId: string, limit: number): Promise<string[]> {
    const { rows } = await sql<{ tenant_id: string }>`
      select distinct tenant_id from tenant_key
      where wrapped_key is not null and tenant_id <> ${everyTenant} and not exists (
        select from key_rotation where part_of = ${rotationId} and scope = 'tenant/' || tenant_id)
      order by tenant_id limit ${limit}`.execute(this.db);
    return rows.map((row) => row.tenant_id);
  }

  /**
   * A new version, or, when it cannot be verified, none; that is on record then, and told.
   * @returns the id of the record
   * @throws TenantKeyDestroyedError
   */
  async rotate(tenantId: string, by: KeyChange, partOf: string | null): Promise<string> {
    const rotationId = randomUUID();
    const rotation = { rotationId, tenantId, startedBy: by.principal, partOf };
    try {
      await this.keys.addVersion(tenantId, by, (tx, to) =>
        this.rotations.note(tx, { ...rotation, from: to - 1, to, error: null }),
      );
    } catch (error) {
      if (!(error instanceof KeyVerificationError)) throw error;
      const from = (await this.keys.newestVersion(tenantId)) ?? 0;
      await this.db.transaction().execute(async (tx) => {
        await this.rotations.note(tx, { ...rotation, from, to: from + 1, error: error.message });
        await recordAudit(tx, {
          tenant_id: tenantId,
          request_id: by.requestId,
          kind: 'key_change',
          record: {
            principal: by.principal,
            what: 'tenant_key_rotation_restored',
            version: from,
            error: error.message,
          },
        });
        await this.notices.record(tx, [
          { event: 'key_rotation_failed', tenant_id: tenantId, subject: rotationId, reason: null },
        ]);
      });
    }
    return rotationId;
  }

  /** How many tenants have a new key of it, and how many it could not be verified for. */
  async outcome(
    rotationId: string,
    db = this.db,
  ): Promise<{ readonly done: number; readonly failed: number }> {
    return db
      .selectFrom('key_rotation')
      .select([
        sql<number>`(count(*) filter (where status = 'completed'))::int`.as('done'),
        sql<number>`(count(*) filter (where status = 'restored'))::int`.as('failed'),
      ])
      .where('part_of', '=', rotationId)
      .executeTakeFirstOrThrow();
  }

  /**
   * One that has ended stays as it is.
   * @param error why it ends before all have had their turn; null: they have
   */
  async end(rotationId: string, error: string | null): Promise<void> {
    await this.db.transaction().execute(async (tx) => {
      const { done, failed } = await this.outcome(rotationId, tx);
      const reason =
        error ??
        (failed === 0 ? null : `the keys of ${failed} of ${done + failed} tenants could not be verified`);
      const status = reason === null ? 'completed' : 'incomplete';
      const ended = await tx
        .updateTable('key_rotation')
        .set({ status, error: reason, keys_done: done, completed_at: sql<Date>`now()` })
        .$if(error === null, (update) => update.set({ keys_total: done + failed }))
        .where('rotation_id', '=', rotationId)
        .where('status', '=', 'running')
        .returning('started_by')
        .executeTakeFirst();
      if (!ended) return;
      await recordAudit(tx, {
        tenant_id: everyTenant,
        request_id: rotationId,
        kind: 'key_change',
        record: {
          principal: ended.started_by,
          what: `tenant_keys_rotation_${status}`,
          ...{ done, failed, error: reason },
        },
      });
      const event = reason === null ? 'key_rotation_completed' : 'key_rotation_failed';
      await this.notices.record(tx, [{ event, tenant_id: null, subject: rotationId, reason: null }]);
    });
  }
}
