import { z } from 'zod';
import { grantSchema, roles } from './identity';
import { storableText, tenantSchema } from './text';

export const apiKeyLimits = { active: 50, days: 365, graceHours: 168 } as const;

const scopesSchema = z
  .array(z.union([grantSchema, z.literal('orchestrate:status')]))
  .max(50)
  .default([]);

/** What a key is to be. It must permit something. */
export const newApiKeySchema = z
  .strictObject({
    /** Without it that of the caller, if it has one; null: of the installation, bound to no tenant. */
    tenant_id: tenantSchema.nullable().optional(),
    description: storableText(1, 200),
    roles: z.array(z.enum(roles)).max(roles.length).default([]),
    scopes: scopesSchema,
    expires_in_days: z.int().min(1).max(apiKeyLimits.days).default(apiKeyLimits.days),
    /** Null: as many as any credential, `orchestration.default_rate_limit_per_minute`. */
    rate_limit_per_minute: z.int().min(1).max(1_000_000).nullable().default(null),
  })
  .refine((key) => key.roles.length + key.scopes.length > 0, {
    path: ['roles'],
    error: 'must name a role, unless scopes names a scope',
  })
  .meta({
    id: 'NewApiKey',
    anyOf: ['roles', 'scopes'].map((one) => ({ required: [one], properties: { [one]: { minItems: 1 } } })),
  });
export type NewApiKeyRequest = z.output<typeof newApiKeySchema>;

const time = z.iso.datetime({ precision: 3 });

/** An API key as it can be seen: never the key. */
export const apiKeyInfoSchema = z
  .strictObject({
    key_id: z.string(),
    /** With what the key begins. */
    prefix: z.string(),
    tenant_id: z.string().nullable(),
    roles: z.array(z.enum(roles)),
    scopes: z.array(z.string()),
    status: z.enum(['active', 'expired', 'revoked']),
    description: z.string(),
    created_at: time,
    created_by: z.string(),
    rate_limit_per_minute: z.int().nullable(),
    expires_at: time,
    /** To the minute. */
    last_used: time.nullable(),
    /** The key that has taken its place. */
    rotated_to: z.string().nullable(),
  })
  .meta({ id: 'ApiKeyInfo' });
export type ApiKeyInfo = z.output<typeof apiKeyInfoSchema>;

export const createdApiKeySchema = apiKeyInfoSchema
  .extend({ api_key: z.string() })
  .meta({ id: 'CreatedApiKey', description: 'The only time that the key itself is shown' });
export type CreatedApiKey = z.output<typeof createdApiKeySchema>;

export const apiKeyListSchema = z
  .strictObject({
    api_keys: z.array(apiKeyInfoSchema),
    total_count: z.int(),
    next_page_token: z.string().optional(),
  })
  .meta({ id: 'ApiKeyList' });
export type ApiKeyList = z.output<typeof apiKeyListSchema>;
