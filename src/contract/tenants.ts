import { z } from 'zod';
import { hostPatternSchema, nameSchema, storableText, tenantSchema } from './text';

export const tenantStatuses = ['active', 'inactive', 'suspended', 'pending', 'deleted'] as const;
export type TenantStatus = (typeof tenantStatuses)[number];

export const tenantTiers = ['free', 'basic', 'premium', 'enterprise'] as const;
export type TenantTier = (typeof tenantTiers)[number];

const quota = z.int().min(1).max(1_000_000);
const quotasSchema = z.strictObject({
  /** Requests under way at a time. */
  concurrent_requests: quota,
  detectors: quota,
  bundles: quota,
  api_keys: quota,
});
export type TenantQuotas = z.output<typeof quotasSchema>;

const shownFields = {
  name: storableText(2, 100),
  status: z.enum(tenantStatuses),
  tier: z.enum(tenantTiers),
  /** Whatever its bundles say; null: their own limits alone count. */
  rate_limit_per_minute: z.int().min(1).max(1_000_000).nullable(),
  /** Where its receivers of callbacks may be; null: where `callbacks.tenants` of the settings says. */
  callback_hosts: z.array(hostPatternSchema).max(100).nullable(),
  /** For bundles that do not say; null: as the service does. */
  auto_map_results: z.boolean().nullable(),
  /** `false`: no sync request becomes a job, whatever the bundle says; null: as the bundle says. */
  allow_async_conversion: z.boolean().nullable(),
  /** The pool whose workers call its slow detectors, but for those that name a pool; null: everybody's. */
  worker_queue: nameSchema.nullable(),
};

const time = z.iso.datetime({ precision: 3 });

/** A tenant as it can be seen. */
export const tenantInfoSchema = z
  .strictObject({
    tenant_id: tenantSchema,
    ...shownFields,
    quotas: quotasSchema,
    created_at: time,
    updated_at: time,
  })
  .meta({ id: 'TenantInfo' });
export type TenantInfo = z.output<typeof tenantInfoSchema>;

/** What a tenant is to be. What is left out stays as it is; what GET has answered can be sent back. */
export const putTenantSchema = z
  .strictObject({
    ...shownFields,
    status: shownFields.status.exclude(['deleted']),
    /** In place of those of the tier; what is left out is the tier's. Null: all of them are. */
    quotas: quotasSchema.partial().nullable(),
    tenant_id: tenantSchema,
    created_at: time,
    updated_at: time,
  })
  .partial()
  .meta({ id: 'PutTenant' });
export type PutTenant = z.output<typeof putTenantSchema>;

export const tenantListSchema = z
  .strictObject({
    tenants: z.array(tenantInfoSchema),
    total_count: z.int(),
    next_page_token: z.string().optional(),
  })
  .meta({ id: 'TenantList' });
export type TenantList = z.output<typeof tenantListSchema>;

/** What a tenant may and wants: what every process knows of it. */
export interface TenantRecord {
  readonly tenant_id: string;
  readonly status: TenantStatus;
  readonly tier: TenantTier;
  /** Those that are not its tier's. */
  readonly quotas: Partial<TenantQuotas>;
  readonly rate_limit_per_minute: number | null;
  readonly callback_hosts: readonly string[] | null;
  readonly auto_map_results: boolean | null;
  readonly allow_async_conversion: boolean | null;
  readonly worker_queue: string | null;
}

/** A tenant as it is kept. */
export interface StoredTenant extends TenantRecord {
  readonly name: string;
  readonly created_at: Date;
  readonly updated_at: Date;
}

/** What planning has to know of a tenant. */
export type TenantSwitches = Pick<
  TenantRecord,
  'auto_map_results' | 'allow_async_conversion' | 'worker_queue'
>;
