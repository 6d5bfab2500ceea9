import { sql } from 'kysely';
import { familyName } from '../contract/credentials';
import { addRevoked, changeCredentials } from './credentials';
import type { Db } from './database';

const page = 200;

/** What of a tenant is at work, for whoever ends it. */
export class TenantWork {
  constructor(private readonly db: Db) {}

  /** From when this returns every process refuses them. @returns how many */
  async endCredentials(tenantId: string): Promise<{ readonly api_keys: number; readonly logins: number }> {
    return changeCredentials(this.db, async (tx) => {
      const keys = await tx
        .updateTable('api_key')
        .set({ revoked_at: sql<Date>`now()`, revision: sql<string>`nextval('credential_revision')` })
        .where('tenant_id', '=', tenantId)
        .where('revoked_at', 'is', null)
        .returning('key_id')
        .execute();
      const families = await tx
        .updateTable('token_family')
        .set({ revoked_at: sql<Date>`now()` })
        .where('tenant_id', '=', tenantId)
        .where('revoked_at', 'is', null)
        .returning(['family', 'access_expires_at', 'expires_at'])
        .execute();
      await addRevoked(
        tx,
        families.map(({ family, access_expires_at: access, expires_at: refresh }) => ({
          jti: familyName(family),
          expiresAt: access > refresh ? access : refresh,
        })),
      );
      return { api_keys: keys.length, logins: families.length };
    });
  }

  /** Some jobs that have not ended. */
  async openJobs(tenantId: string): Promise<string[]> {
    const rows = await this.db
      .selectFrom('orchestration')
      .select('request_id')
      .where('tenant_id', '=', tenantId)
      .where('status', 'in', ['pending', 'running'])
      .limit(page)
      .execute();
    return rows.map((row) => row.request_id);
  }

  /** Bulk jobs that are neither over nor cancelled. */
  async openBulkJobs(tenantId: string): Promise<{ readonly bulkId: string; readonly uploading: boolean }[]> {
    const rows = await this.db
      .selectFrom('bulk_job')
      .select(['bulk_id', 'status'])
      .where('tenant_id', '=', tenantId)
      .where('completed_at', 'is', null)
      .where('status', '<>', 'cancelled')
      .execute();
    return rows.map((row) => ({ bulkId: row.bulk_id, uploading: row.status === 'uploading' }));
  }

  async openSimulations(tenantId: string): Promise<string[]> {
    const rows = await this.db
      .selectFrom('policy_simulation')
      .select('simulation_id')
      .where('tenant_id', '=', tenantId)
      .where('status', 'in', ['pending', 'running'])
      .execute();
    return rows.map((row) => row.simulation_id);
  }

  async hasOpenRuns(tenantId: string): Promise<boolean> {
    const open = await this.db
      .selectFrom('run_key')
      .select('run_id')
      .where('tenant_id', '=', tenantId)
      .where('closed_at', 'is', null)
      .where('wrapped_key', 'is not', null)
      .limit(1)
      .executeTakeFirst();
    return open !== undefined;
  }

  /** Versions of the tenant's key that were destroyed, and when the last was. */
  async destroyedKeys(tenantId: string): Promise<{ readonly versions: number; readonly at: Date }> {
    const { versions, at } = await this.db
      .selectFrom('tenant_key')
      .select([sql<number>`count(*)::int`.as('versions'), sql<Date>`max(destroyed_at)`.as('at')])
      .where('tenant_id', '=', tenantId)
      .where('destroyed_at', 'is not', null)
      .executeTakeFirstOrThrow();
    return { versions, at };
  }
}
