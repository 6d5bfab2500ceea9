import {
  type ApiKeyInfo,
  apiKeyLimits,
  type CreatedApiKey,
  type NewApiKeyRequest,
} from '../contract/api-keys';
import type { ChangedBy } from '../contract/changed-by';
import type { ApiKeyRecord } from '../contract/credentials';
import { ConclaveError } from '../contract/errors';
import type { Identity } from '../contract/identity';
import { canonical, grantsOf, mayGrant } from '../domain/permissions';
import { newApiKey } from './api-key';

type NewKey = Pick<
  ApiKeyRecord,
  'keyId' | 'tenantId' | 'hash' | 'roles' | 'scopes' | 'description' | 'expiresAt' | 'owner' | 'perMinute'
>;

export interface ApiKeysDependencies {
  readonly store: {
    create(key: NewKey, by: ChangedBy, maxActive: number): Promise<ApiKeyRecord | null>;
    rotate(keyId: string, next: NewKey, graceEnds: Date, by: ChangedBy): Promise<ApiKeyRecord | null>;
    revoke(key: Pick<ApiKeyRecord, 'keyId' | 'tenantId'>, by: ChangedBy): Promise<void>;
    find(keyId: string, tenantId: string | null): Promise<ApiKeyRecord | null>;
    list(tenantId: string | null): Promise<ApiKeyRecord[]>;
  };
  /** Has this process see what was changed. */
  readonly changed: () => Promise<void>;
  /** Requests of a credential that has no limit of its own. */
  readonly perMinute: number;
  /** Active keys that a tenant may have; null: as many as anybody. */
  readonly quotaOf: (tenantId: string) => number | null;
  readonly now?: () => number;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Who asks, and for whom. */
export interface KeyCaller {
  readonly identity: Pick<Identity, 'grants' | 'roles' | 'method' | 'owner'>;
  /** Null: all tenants, and the installation. */
  readonly tenantId: string | null;
  readonly by: ChangedBy;
}

/** API keys, made and ended by those who may. Nobody makes one that may do more than they may. */
export class ApiKeys {
  readonly #now: () => number;

  constructor(private readonly deps: ApiKeysDependencies) {
    this.#now = deps.now ?? Date.now;
  }

  /** @throws ConclaveError INSUFFICIENT_RBAC, INVALID_REQUEST (`quota_exceeded`, `tenant_required`, 409 `tenant_deleted`) */
  async create(asked: NewApiKeyRequest, { identity, tenantId, by }: KeyCaller): Promise<CreatedApiKey> {
    const forTenant = tenantOfNew(asked.tenant_id, tenantId);
    if (tenantId !== null && forTenant !== tenantId) {
      throw new ConclaveError('INSUFFICIENT_RBAC', 'keys are made for the tenant of the credential', {
        detail: 'tenant_mismatch',
      });
    }
    const scopes = asked.scopes.map(canonical);
    requireMayGive(identity, { roles: asked.roles, scopes });
    if (forTenant !== null && asked.roles.includes('super_admin')) {
      throw new ConclaveError(
        'INVALID_REQUEST',
        'a super admin is bound to no tenant: set tenant_id to null',
        {
          detail: 'super_admin_has_no_tenant',
        },
      );
    }
    const { apiKey, keyId, hash } = newApiKey();
    const expiresAt = new Date(this.#now() + asked.expires_in_days * dayMs);
    const { roles, description, rate_limit_per_minute: perMinute } = asked;
    if (tenantId !== null) this.#requireUsualRate(perMinute);
    const owner = answeringFor(identity, `key:${keyId}`);
    const key = { keyId, tenantId: forTenant, hash, roles, scopes, description, expiresAt, owner, perMinute };
    const most = (forTenant !== null && this.deps.quotaOf(forTenant)) || apiKeyLimits.active;
    const made = await this.deps.store.create(key, by, most);
    if (!made) {
      throw new ConclaveError('INVALID_REQUEST', `there are ${most} active keys: revoke one`, {
        detail: 'quota_exceeded',
      });
    }
    await this.deps.changed();
    return { ...this.#shown(made), api_key: apiKey };
  }

  async list(tenantId: string | null): Promise<ApiKeyInfo[]> {
    return (await this.deps.store.list(tenantId)).map((key) => this.#shown(key));
  }

  /** Another key that may do the same. @param graceHours how long the old one is good yet */
  async rotate(
    keyId: string,
    graceHours: number,
    { identity, tenantId, by }: KeyCaller,
  ): Promise<CreatedApiKey> {
    const old = await this.#one(keyId, tenantId);
    requireMayGive(identity, old);
    const { apiKey, keyId: nextId, hash } = newApiKey();
    const lifetime = old.expiresAt.getTime() - old.createdAt.getTime();
    const expiresAt = new Date(this.#now() + Math.min(lifetime, apiKeyLimits.days * dayMs));
    const graceEnds = new Date(this.#now() + graceHours * hourMs);
    const made = await this.deps.store.rotate(
      keyId,
      { ...old, keyId: nextId, hash, expiresAt, owner: answeringFor(identity, old.owner) },
      graceEnds,
      by,
    );
    if (!made) {
      throw new ConclaveError('INVALID_REQUEST', 'the key is not active any more', {
        status: 409,
        detail: 'key_not_active',
      });
    }
    await this.deps.changed();
    return { ...this.#shown(made), api_key: apiKey };
  }

  async revoke(keyId: string, { tenantId, by }: KeyCaller): Promise<void> {
    await this.deps.store.revoke(await this.#one(keyId, tenantId), by);
    await this.deps.changed();
  }

  async #one(keyId: string, tenantId: string | null): Promise<ApiKeyRecord> {
    const key = await this.deps.store.find(keyId, tenantId);
    if (key && (tenantId === null || key.tenantId === tenantId)) return key;
    throw new ConclaveError('INVALID_REQUEST', 'there is no such key', {
      status: 404,
      detail: 'key_not_found',
    });
  }

  /** @throws ConclaveError INSUFFICIENT_RBAC: nobody limited lifts a limit */
  #requireUsualRate(perMinute: number | null): void {
    if (perMinute === null || perMinute <= this.deps.perMinute) return;
    throw new ConclaveError(
      'INSUFFICIENT_RBAC',
      `only who runs the installation gives a key more than ${this.deps.perMinute} requests a minute`,
      { detail: 'cannot_grant' },
    );
  }

  #shown(key: ApiKeyRecord): ApiKeyInfo {
    return {
      key_id: key.keyId,
      prefix: `ck_${key.keyId}_`,
      tenant_id: key.tenantId,
      roles: [...key.roles],
      scopes: [...key.scopes],
      status: this.#statusOf(key),
      description: key.description,
      created_at: key.createdAt.toISOString(),
      created_by: key.createdBy,
      rate_limit_per_minute: key.perMinute,
      expires_at: key.expiresAt.toISOString(),
      last_used: key.lastUsed?.toISOString() ?? null,
      rotated_to: key.rotatedTo,
    };
  }

  #statusOf({ revokedAt, expiresAt }: ApiKeyRecord): ApiKeyInfo['status'] {
    if (revokedAt !== null) return 'revoked';
    return expiresAt.getTime() <= this.#now() ? 'expired' : 'active';
  }
}

/**
 * Whoever is shown a key answers for it, so that nobody is two by having two.
 * @param otherwise where nobody knows who asks: on the command line, and without authentication
 */
function answeringFor({ method, owner }: KeyCaller['identity'], otherwise: string): string {
  return method === 'none' ? otherwise : owner;
}

/** A key of the installation is never made by leaving something out. */
function tenantOfNew(asked: string | null | undefined, own: string | null): string | null {
  if (asked !== undefined) return asked;
  if (own !== null) return own;
  const message = 'is required: a tenant, or null for a key of the installation';
  throw new ConclaveError('INVALID_REQUEST', `tenant_id ${message}`, {
    detail: 'tenant_required',
    fieldErrors: [{ path: 'tenant_id', message }],
  });
}

function requireMayGive(
  identity: KeyCaller['identity'],
  { roles, scopes }: Pick<ApiKeyRecord, 'roles' | 'scopes'>,
): void {
  const given = grantsOf(roles, scopes);
  const isSuper = identity.roles.includes('super_admin');
  if (given.every((grant) => mayGrant(identity.grants, grant)) && (isSuper || !roles.includes('super_admin')))
    return;
  throw new ConclaveError('INSUFFICIENT_RBAC', 'nobody gives a key what they may not do themselves', {
    detail: 'cannot_grant',
  });
}
