import { z } from 'zod';
import { grantSchema, roles } from './identity';
import { tenantSchema } from './text';

const token = z.string().min(1).max(8192);
const seconds = z
  .int()
  .min(1)
  .max(30 * 86_400);

export const validateTokenSchema = z.strictObject({ token }).meta({ id: 'ValidateToken' });
export const refreshTokenSchema = z.strictObject({ refresh_token: token }).meta({ id: 'RefreshToken' });
export const revokeTokenSchema = z
  .strictObject({ jti: z.string().min(1).max(200).optional(), token: token.optional() })
  .refine(({ jti, token: whole }) => (jti === undefined) !== (whole === undefined), {
    error: 'must name either jti or token',
  })
  .meta({ id: 'RevokeToken', oneOf: [{ required: ['jti'] }, { required: ['token'] }] });
export const devTokenSchema = z
  .strictObject({
    sub: z.string().regex(/^(?!key:|cert:|(?:anonymous|cli|codec-token|folder)$)[\x21-\x7e]{1,100}$/),
    /** Needed, but for super admins. */
    tenant_id: tenantSchema.nullable().default(null),
    roles: z.array(z.enum(roles)).min(1).max(roles.length),
    permissions: z.array(grantSchema).max(50).default([]),
    /** Of the access token, in seconds. */
    ttl: seconds.optional(),
  })
  .refine(({ tenant_id: tenant, roles: held }) => tenant !== null || held.includes('super_admin'), {
    path: ['tenant_id'],
    error: 'is required',
  })
  .refine(({ tenant_id: tenant, roles: held }) => tenant === null || !held.includes('super_admin'), {
    path: ['tenant_id'],
    error: 'must be absent: a super admin is bound to no tenant',
  })
  .meta({ id: 'DevToken' });
export type DevToken = z.output<typeof devTokenSchema>;

export const tokenPairSchema = z
  .strictObject({
    access_token: z.string(),
    refresh_token: z.string(),
    token_type: z.literal('Bearer'),
    /** Seconds. */
    expires_in: z.int(),
  })
  .meta({ id: 'TokenPair' });
export type TokenPairAnswer = z.output<typeof tokenPairSchema>;

export const userContextSchema = z
  .strictObject({
    subject: z.string(),
    tenant_id: z.string().nullable(),
    roles: z.array(z.enum(roles)),
    permissions: z.array(z.string()),
    auth_method: z.enum(['none', 'api_key', 'jwt', 'certificate']),
    token_id: z.string().nullable(),
    expires_at: z.iso.datetime({ precision: 3 }).nullable(),
  })
  .meta({ id: 'UserContext' });
export type UserContext = z.output<typeof userContextSchema>;

export const tokenValiditySchema = z
  .strictObject({
    valid: z.boolean(),
    claims: z.record(z.string(), z.json()).nullable(),
    /** Why not. */
    error: z.string().nullable(),
    expires_in: z.int().nullable(),
  })
  .meta({ id: 'TokenValidity' });
export type TokenValidity = z.output<typeof tokenValiditySchema>;
