import { ConclaveError } from '../contract/errors';
import type { TenantQuotas, TenantRecord, TenantSwitches } from '../contract/tenants';
import { type ChangesByOthers, Following } from '../domain/following';
import { quotasOf } from '../domain/tenancy';

export interface LiveTenantsDependencies extends ChangesByOthers {
  /** Those that have changed since it was asked last. */
  readonly news: () => Promise<readonly TenantRecord[]>;
}

/**
 * Tenants as this process knows them, which is as they are but for a fraction of a second. Of most there is no record: they
 * are served, without limits of their own.
 */
export class LiveTenants {
  readonly #tenants = new Map<string, TenantRecord>();
  readonly #following: Following;

  constructor(private readonly deps: LiveTenantsDependencies) {
    this.#following = new Following(() => this.#read(), deps);
  }

  start(): Promise<void> {
    return this.#following.start();
  }

  stop(): void {
    this.#following.stop();
  }

  /** What fails leaves what is known. */
  catchUp(): Promise<void> {
    return this.#following.catchUp();
  }

  isActive(tenantId: string): boolean {
    return (this.#tenants.get(tenantId)?.status ?? 'active') === 'active';
  }

  /** One that is being erased, or was. */
  isDeleted(tenantId: string): boolean {
    return this.#tenants.get(tenantId)?.status === 'deleted';
  }

  /** @throws ConclaveError INSUFFICIENT_RBAC `tenant_inactive` */
  requireActive(tenantId: string): void {
    if (this.isActive(tenantId)) return;
    throw new ConclaveError('INSUFFICIENT_RBAC', 'the tenant is not active', { detail: 'tenant_inactive' });
  }

  /** How many of something it may have; null: of most tenants there is no record, and no quota. */
  quotaOf(tenantId: string, quota: keyof TenantQuotas): number | null {
    const tenant = this.#tenants.get(tenantId);
    return tenant ? quotasOf(tenant)[quota] : null;
  }

  /** Bundles' limits, none of them above the tenant's. */
  bounding(limitOf: (tenantId: string, bundle: string) => number): typeof limitOf {
    return (tenantId, bundle) => {
      const own = this.#tenants.get(tenantId)?.rate_limit_per_minute ?? Infinity;
      return Math.min(own, limitOf(tenantId, bundle));
    };
  }

  /** Null: the settings say. */
  callbackHostsOf(tenantId: string): readonly string[] | null {
    return this.#tenants.get(tenantId)?.callback_hosts ?? null;
  }

  /** Null: it has set none. */
  switchesOf(tenantId: string): TenantSwitches | null {
    const tenant = this.#tenants.get(tenantId);
    if (!tenant) return null;
    const { auto_map_results, allow_async_conversion, worker_queue } = tenant;
    if (auto_map_results === null && allow_async_conversion === null && worker_queue === null) return null;
    return { auto_map_results, allow_async_conversion, worker_queue };
  }

  async #read(): Promise<void> {
    for (const tenant of await this.deps.news()) this.#tenants.set(tenant.tenant_id, tenant);
  }
}
