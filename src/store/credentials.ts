import { type Selectable, sql } from 'kysely';
import type { ChangedBy } from '../contract/changed-by';
import type { ApiKeyRecord, CredentialNews } from '../contract/credentials';
import { tenantDeleted } from '../contract/tenant-errors';
import { everyTenant, recordAudit } from './audit-log';
import { asTenant, type Db } from './database';
import { notify, type Notifications } from './notifications';
import { Revisions } from './revisions';
import type { ApiKeyTable } from './schema';

const lockId = 0x43524544;

type NewKey = Pick<
  ApiKeyRecord,
  'keyId' | 'tenantId' | 'hash' | 'roles' | 'scopes' | 'description' | 'expiresAt' | 'owner' | 'perMinute'
>;
type ApiKeyRow = Selectable<ApiKeyTable>;

/** Tables `api_key` and `revoked_token`. When a change returns, every process has been told of it. */
export class Credentials {
  readonly #keys: Revisions<ApiKeyRow>;
  readonly #revoked: Revisions<{ readonly jti: string; readonly expires_at: Date }>;

  constructor(
    private readonly db: Db,
    notifications: Pick<Notifications, 'ask'>,
  ) {
    this.#keys = new Revisions(notifications, 'select * from api_key where revision > $1', lockId);
    this.#revoked = new Revisions(
      notifications,
      // As long as the leeway of tokens at most, one that has expired is believed yet.
      "select * from revoked_token where revision > $1 and expires_at > now() - interval '10 minutes'",
      lockId,
    );
  }

  /** What has changed since it was asked last. */
  async news(): Promise<CredentialNews> {
    const [keys, revoked] = [await this.#keys.news(), await this.#revoked.news()];
    return {
      keys: keys.map(recordOf),
      revoked: revoked.map(({ jti, expires_at: expiresAt }) => ({ jti, expiresAt })),
    };
  }

  /**
   * @returns null when the tenant has as many active ones as it may have
   * @throws ConclaveError 409 `tenant_deleted`
   */
  async create(key: NewKey, by: ChangedBy, maxActive: number): Promise<ApiKeyRecord | null> {
    return this.#change(key.tenantId, async (tx) => {
      await requireLiving(tx, key.tenantId);
      if ((await activeKeys(tx, key.tenantId)) >= maxActive) return null;
      await audit(tx, key, by, 'created', { roles: key.roles, scopes: key.scopes });
      return insert(tx, key, by.principal);
    });
  }

  /** Another key in place of one, which is good for a while yet. @returns null when that is not active any more */
  async rotate(keyId: string, next: NewKey, graceEnds: Date, by: ChangedBy): Promise<ApiKeyRecord | null> {
    return this.#change(next.tenantId, async (tx) => {
      const { numUpdatedRows } = await tx
        .updateTable('api_key')
        .set({
          rotated_to: next.keyId,
          expires_at: sql<Date>`least(expires_at, ${graceEnds})`,
          revision: nextRevision,
        })
        .where('key_id', '=', keyId)
        .where('revoked_at', 'is', null)
        .where('rotated_to', 'is', null)
        .where('expires_at', '>', sql<Date>`now()`)
        .executeTakeFirst();
      if (numUpdatedRows === 0n) return null;
      await audit(tx, next, by, 'rotated', { rotated: keyId, grace_ends: graceEnds.toISOString() });
      return insert(tx, next, by.principal);
    });
  }

  async revoke(key: Pick<ApiKeyRecord, 'keyId' | 'tenantId'>, by: ChangedBy): Promise<void> {
    await this.#change(key.tenantId, async (tx) => {
      await tx
        .updateTable('api_key')
        .set({ revoked_at: sql<Date>`coalesce(revoked_at, now())`, revision: nextRevision })
        .where('key_id', '=', key.keyId)
        .execute();
      await audit(tx, key, by, 'revoked', {});
    });
  }

  /** To the minute, and by whoever writes last. */
  async used(keyIds: readonly string[]): Promise<void> {
    if (keyIds.length === 0) return;
    await this.db
      .updateTable('api_key')
      .set({ last_used: sql<Date>`date_trunc('minute', now())` })
      .where('key_id', 'in', [...keyIds])
      .execute();
  }

  /** @param tenantId whose it must be; null: anybody's, or nobody's */
  async find(keyId: string, tenantId: string | null): Promise<ApiKeyRecord | null> {
    const row = await asTenant(this.db, tenantId)
      .selectFrom('api_key')
      .selectAll()
      .where('key_id', '=', keyId)
      .executeTakeFirst();
    return row ? recordOf(row) : null;
  }

  /** Of one tenant, or of all; the latest first. */
  async list(tenantId: string | null): Promise<ApiKeyRecord[]> {
    let keys = asTenant(this.db, tenantId).selectFrom('api_key').selectAll();
    if (tenantId !== null) keys = keys.where('tenant_id', '=', tenantId);
    const rows = await keys.orderBy('created_at', 'desc').orderBy('key_id').execute();
    return rows.map(recordOf);
  }

  /** From now on no process believes a token. */
  async revokeToken(jti: string, expiresAt: Date): Promise<void> {
    await this.#change(null, (tx) => addRevoked(tx, [{ jti, expiresAt }]));
  }

  async #change<T>(tenantId: string | null, work: (tx: Db) => Promise<T>): Promise<T> {
    return changeCredentials(asTenant(this.db, tenantId), work);
  }
}

/** A transaction that takes revisions in turn with all others; all processes hear of it with the commit. */
export async function changeCredentials<T>(db: Db, work: (tx: Db) => Promise<T>): Promise<T> {
  return db.transaction().execute(async (tx) => {
    await sql`select pg_advisory_xact_lock(${lockId})`.execute(tx);
    const result = await work(tx);
    await notify(tx, { kind: 'credentials_changed' });
    return result;
  });
}

export async function addRevoked(
  tx: Db,
  tokens: readonly { readonly jti: string; readonly expiresAt: Date }[],
): Promise<void> {
  await tx
    .deleteFrom('revoked_token')
    .where('expires_at', '<', sql<Date>`now() - interval '1 hour'`)
    .execute();
  for (const { jti, expiresAt } of tokens) {
    await tx
      .insertInto('revoked_token')
      .values({ jti, expires_at: expiresAt, revision: nextRevision })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}

const nextRevision = sql<string>`nextval('credential_revision')`;

async function insert(tx: Db, key: NewKey, createdBy: string): Promise<ApiKeyRecord> {
  const row = await tx
    .insertInto('api_key')
    .values({
      key_id: key.keyId,
      tenant_id: key.tenantId,
      hash: key.hash,
      roles: JSON.stringify(key.roles),
      scopes: JSON.stringify(key.scopes),
      description: key.description,
      created_by: createdBy,
      owner: key.owner,
      rate_limit_per_minute: key.perMinute,
      expires_at: key.expiresAt,
      revision: nextRevision,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  return recordOf(row);
}

/** An erasure ends credentials in its turn, after it has said that the tenant is gone: none is made behind its back. */
async function requireLiving(tx: Db, tenantId: string | null): Promise<void> {
  if (tenantId === null) return;
  const gone = await tx
    .selectFrom('tenant')
    .select('tenant_id')
    .where('tenant_id', '=', tenantId)
    .where('status', '=', 'deleted')
    .executeTakeFirst();
  if (gone) throw tenantDeleted();
}

async function activeKeys(tx: Db, tenantId: string | null): Promise<number> {
  const { count } = await tx
    .selectFrom('api_key')
    .select(({ fn }) => fn.countAll<string>().as('count'))
    .where('tenant_id', tenantId === null ? 'is' : '=', tenantId)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', sql<Date>`now()`)
    .executeTakeFirstOrThrow();
  return Number(count);
}

async function audit(
  tx: Db,
  { keyId, tenantId }: Pick<ApiKeyRecord, 'keyId' | 'tenantId'>,
  { principal, requestId, correlationId }: ChangedBy,
  what: string,
  details: object,
): Promise<void> {
  await recordAudit(tx, {
    tenant_id: tenantId ?? everyTenant,
    request_id: requestId,
    kind: 'api_key_change',
    record: { principal, correlation_id: correlationId, what, key_id: keyId, ...details },
  });
}

function recordOf(row: ApiKeyRow): ApiKeyRecord {
  return {
    keyId: row.key_id,
    tenantId: row.tenant_id,
    hash: row.hash,
    roles: row.roles as ApiKeyRecord['roles'],
    scopes: row.scopes as ApiKeyRecord['scopes'],
    description: row.description,
    createdAt: row.created_at,
    createdBy: row.created_by,
    owner: row.owner,
    perMinute: row.rate_limit_per_minute,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    rotatedTo: row.rotated_to,
    lastUsed: row.last_used,
  };
}
