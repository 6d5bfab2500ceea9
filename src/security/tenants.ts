import type { ChangedBy } from '../contract/changed-by';
import { ConclaveError } from '../contract/errors';
import { tenantDeleted, tenantNotFound } from '../contract/tenant-errors';
import type { PutTenant, StoredTenant, TenantInfo, TenantRecord } from '../contract/tenants';
import { changedFields, changedTenant, newTenant, platformFields, quotasOf } from '../domain/tenancy';

/** A change of a tenant, inside which nobody else changes one. */
export interface TenantChange {
  readonly tenantId: string;
  /** Absent: it keeps its name. */
  readonly name: string | undefined;
  readonly by: ChangedBy;
  /** @param before null: there is none yet. @throws what refuses the change */
  readonly decide: (before: StoredTenant | null) => TenantRecord;
}

export interface TenantsDependencies {
  readonly store: {
    find(tenantId: string): Promise<StoredTenant | null>;
    list(): Promise<StoredTenant[]>;
    change(change: TenantChange): Promise<StoredTenant>;
  };
  /** Has this process see what was changed. */
  readonly changed: () => Promise<void>;
}

/** Who asks. */
export interface TenantCaller {
  /** Null: a super admin. */
  readonly tenantId: string | null;
  readonly by: ChangedBy;
}

/** Records of tenants: the platform makes and bounds them, a tenant sees its own and says what it wants (docs/tenants.md). */
export class Tenants {
  constructor(private readonly deps: TenantsDependencies) {}

  /** @throws ConclaveError 404 `tenant_not_found`, also for those of others */
  async get(tenantId: string, { tenantId: own }: Pick<TenantCaller, 'tenantId'>): Promise<TenantInfo> {
    const tenant = own === null || own === tenantId ? await this.deps.store.find(tenantId) : null;
    if (!tenant) throw tenantNotFound();
    return shown(tenant);
  }

  /** All for a super admin, by id; for others their own. */
  async list(own: string | null): Promise<TenantInfo[]> {
    if (own === null) return (await this.deps.store.list()).map(shown);
    const tenant = await this.deps.store.find(own);
    return tenant ? [shown(tenant)] : [];
  }

  /** @throws ConclaveError INVALID_REQUEST; INSUFFICIENT_RBAC `platform_only`; 404 `tenant_not_found`; 409 `tenant_deleted` */
  async put(tenantId: string, put: PutTenant, { tenantId: own, by }: TenantCaller): Promise<TenantInfo> {
    if (own !== null && own !== tenantId) throw tenantNotFound();
    if (put.tenant_id !== undefined && put.tenant_id !== tenantId) throw otherTenant();
    const stored = await this.deps.store.change({
      tenantId,
      name: put.name,
      by,
      decide(before) {
        if (before === null && own !== null) throw tenantNotFound();
        if (before === null && put.name === undefined) throw nameRequired();
        if (before?.status === 'deleted') throw tenantDeleted();
        const after = changedTenant(before ?? newTenant(tenantId), put);
        if (before !== null && own !== null) requireOwn(before, after, put);
        return after;
      },
    });
    await this.deps.changed();
    return shown(stored);
  }
}

function requireOwn(before: StoredTenant, after: TenantRecord, put: PutTenant): void {
  const renamed = put.name !== undefined && put.name !== before.name ? ['name'] : [];
  const forbidden = [...renamed, ...platformFields(changedFields(before, after))];
  if (forbidden.length === 0) return;
  throw new ConclaveError('INSUFFICIENT_RBAC', `for a super admin to change: ${forbidden.join(', ')}`, {
    detail: 'platform_only',
  });
}

function shown({ created_at, updated_at, ...tenant }: StoredTenant): TenantInfo {
  return {
    ...tenant,
    callback_hosts: tenant.callback_hosts && [...tenant.callback_hosts],
    quotas: quotasOf(tenant),
    created_at: created_at.toISOString(),
    updated_at: updated_at.toISOString(),
  };
}

function otherTenant(): ConclaveError {
  const message = 'must be the tenant of the path';
  return new ConclaveError('INVALID_REQUEST', `tenant_id ${message}`, {
    detail: 'validation_failed',
    fieldErrors: [{ path: 'tenant_id', message }],
  });
}

function nameRequired(): ConclaveError {
  const message = 'is required for a new tenant';
  return new ConclaveError('INVALID_REQUEST', `name ${message}`, {
    detail: 'validation_failed',
    fieldErrors: [{ path: 'name', message }],
  });
}
