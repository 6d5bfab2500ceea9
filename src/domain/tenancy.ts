import { ConclaveError } from '../contract/errors';
import type { PutTenant, TenantQuotas, TenantRecord, TenantTier } from '../contract/tenants';

/** Quotas of the tiers (spec/orchestration.md 7, "Tenancy and limits"). */
const quotasByTier: Readonly<Record<TenantTier, TenantQuotas>> = {
  free: { concurrent_requests: 2, detectors: 3, bundles: 2, api_keys: 2 },
  basic: { concurrent_requests: 5, detectors: 10, bundles: 5, api_keys: 5 },
  premium: { concurrent_requests: 15, detectors: 25, bundles: 15, api_keys: 15 },
  enterprise: { concurrent_requests: 50, detectors: 100, bundles: 50, api_keys: 50 },
};

export function quotasOf({ tier, quotas }: Pick<TenantRecord, 'tier' | 'quotas'>): TenantQuotas {
  return { ...quotasByTier[tier], ...quotas };
}

/** A tenant that has as many of something as it may have. */
export function quotaExceeded(most: number, what: string): ConclaveError {
  const message = `the tenant has ${most} ${what}, as many as it may have: remove one first`;
  return new ConclaveError('INVALID_REQUEST', message, { detail: 'quota_exceeded' });
}

/** A tenant that nothing has been said of but its id. */
export function newTenant(tenantId: string): TenantRecord {
  return {
    tenant_id: tenantId,
    status: 'active',
    tier: 'free',
    quotas: {},
    rate_limit_per_minute: null,
    callback_hosts: null,
    auto_map_results: null,
    allow_async_conversion: null,
    worker_queue: null,
  };
}

/** What the tenant may decide itself; the rest is for who runs the installation. */
const ownFields: ReadonlySet<string> = new Set([
  'callback_hosts',
  'auto_map_results',
  'allow_async_conversion',
] satisfies (keyof TenantRecord)[]);

/** A tenant after a change; what the change does not name stays. */
export function changedTenant(before: TenantRecord, { name: _name, ...put }: PutTenant): TenantRecord {
  const { tenant_id: _id, created_at: _created, updated_at: _updated, quotas, ...rest } = put;
  const after = { ...before, ...definedOf(rest) };
  return quotas === undefined ? after : { ...after, quotas: beyondTier(after.tier, quotas ?? {}) };
}

/** So that quotas which are the tier's, as they are shown, change with it. */
function beyondTier(tier: TenantTier, quotas: Partial<TenantQuotas>): Partial<TenantQuotas> {
  const own = Object.entries(definedOf(quotas)) as [keyof TenantQuotas, number][];
  return Object.fromEntries(own.filter(([quota, value]) => value !== quotasByTier[tier][quota]));
}

/** Which fields differ, by name. */
export function changedFields(before: TenantRecord, after: TenantRecord): (keyof TenantRecord)[] {
  const fields = Object.keys(after) as (keyof TenantRecord)[];
  return fields.filter((field) => JSON.stringify(before[field]) !== JSON.stringify(after[field]));
}

/** Those of the changed fields that a tenant must leave to the platform. */
export function platformFields(fields: readonly string[]): string[] {
  return fields.filter((field) => !ownFields.has(field));
}

function definedOf<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
