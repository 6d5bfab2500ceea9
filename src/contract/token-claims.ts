import { z } from 'zod';
import { grantSchema, roles } from './identity';
import { tenantSchema } from './text';

/** Words that only we may be called by. */
const reserved = /^(?:key:|cert:|anonymous$|cli$|codec-token$|folder$)/;

const list = z.union([z.array(z.string().max(300)).max(200), z.string().max(5000).transform(words)]);

/** What an access or refresh token must say; what else it says is nothing to us (spec/gateway.md 7). */
export const tokenClaimsSchema = z
  .object({
    sub: z
      .string()
      .regex(/^[\x21-\x7e]{1,100}$/)
      .refine((sub) => !reserved.test(sub)),
    exp: z.number(),
    iat: z.number(),
    jti: z.string().min(1).max(200),
    tenant_id: tenantSchema.optional(),
    roles: list.default([]).transform((all) => roles.filter((role) => all.includes(role))),
    permissions: list.default([]).transform(known),
    scopes: list.default([]).transform(known),
    scope: list.default([]).transform(known),
    typ: z.enum(['access', 'refresh']).default('access'),
    /** Of tokens that we have issued: those that came of one another. In tokens of others it means something else. */
    family: z.uuid().optional().catch(undefined),
    name: z.string().max(200).optional(),
  })
  .refine(({ tenant_id, roles: held }) => tenant_id !== undefined || held.includes('super_admin'), {
    path: ['tenant_id'],
    error: 'is required',
  })
  .refine(({ tenant_id, roles: held }) => tenant_id === undefined || !held.includes('super_admin'), {
    path: ['tenant_id'],
    error: 'must be absent: a super admin is bound to no tenant',
  });
export type TokenClaims = z.output<typeof tokenClaimsSchema>;

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

/** An issuer has words for others, too. */
function known(all: readonly string[]): string[] {
  return all.filter((word) => word === 'orchestrate:status' || grantSchema.safeParse(word).success);
}
