import { z } from 'zod';
import { apiKeyLimits } from './api-keys';
import { roles } from './identity';
import type { TenantOperationInput } from './tenant-erasure';
import { putTenantSchema } from './tenants';
import { storableText, tenantSchema } from './text';

const tenantRoles = z.enum(roles).exclude(['super_admin']);

/** A new tenant with all that it needs to begin: its record, its data key, its first API key. */
export const onboardTenantSchema = putTenantSchema
  .omit({ status: true, tenant_id: true, created_at: true, updated_at: true })
  .extend({
    name: storableText(2, 100),
    /** Of its first API key. */
    api_key: z
      .strictObject({
        description: storableText(1, 200).default('the first key'),
        roles: z.array(tenantRoles).min(1).max(roles.length).default(['tenant_admin']),
        expires_in_days: z.int().min(1).max(apiKeyLimits.days).default(apiKeyLimits.days),
      })
      .prefault({}),
  })
  .meta({ id: 'OnboardTenant' });
export type OnboardTenant = z.output<typeof onboardTenantSchema>;

/** What is shown once. */
export const onboardingSecretSchema = z
  .strictObject({
    tenant_id: tenantSchema,
    key_id: z.string(),
    api_key: z.string(),
    roles: z.array(tenantRoles),
    expires_at: z.iso.datetime({ precision: 3 }),
  })
  .meta({ id: 'OnboardingSecret', description: 'The only time that the key itself is shown' });
export type OnboardingSecret = z.output<typeof onboardingSecretSchema>;

export interface TenantOnboardingActivities {
  /** Makes the tenant's data key, and sees that what is sealed by it opens. */
  makeTenantKey(input: TenantOperationInput): Promise<void>;
  /** Makes its first API key, once. */
  makeFirstApiKey(input: TenantOperationInput): Promise<void>;
  /** From now on it is served. */
  activateTenant(input: TenantOperationInput): Promise<void>;
  /** Of one that cannot be finished: nothing that was made is left in use. */
  undoOnboarding(input: TenantOperationInput & { readonly error: string }): Promise<void>;
}
