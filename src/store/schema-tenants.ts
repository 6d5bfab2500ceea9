import type { ColumnType, Generated } from 'kysely';
import type { TenantQuotas, TenantStatus, TenantTier } from '../contract/tenants';

export interface TenantTable {
  tenant_id: string;
  /** Encrypted for the tenant. */
  name: Buffer;
  status: TenantStatus;
  tier: TenantTier;
  quotas: ColumnType<Partial<TenantQuotas>, string, string>;
  rate_limit_per_minute: number | null;
  callback_hosts: ColumnType<string[] | null, string | null, string | null>;
  auto_map_results: boolean | null;
  allow_async_conversion: boolean | null;
  worker_queue: string | null;
  created_at: Generated<Date>;
  updated_at: Generated<Date>;
  /** A bigint, as text. */
  revision: string;
}
