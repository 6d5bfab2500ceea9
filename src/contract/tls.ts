import { z } from 'zod';
import { grantSchema, roles } from './identity';
import { tenantSchema } from './text';

const filePath = z.string().min(1);

/** TLS of the facade (docs/tls.md); without a certificate it speaks plain HTTP. */
export const tlsSchema = z
  .strictObject({
    /** PEM: the certificate, and those between it and its authority. */
    cert_path: filePath.nullable().default(null),
    key_path: filePath.nullable().default(null),
    /** PEM of the authorities of callers' certificates; without it callers are asked for none. */
    client_ca_path: filePath.nullable().default(null),
    /** Whether a caller without a certificate may show another credential. */
    client_certificates: z.enum(['optional', 'required']).default('optional'),
  })
  .refine(({ cert_path: cert, key_path: key }) => (cert === null) === (key === null), {
    path: ['key_path'],
    error: 'goes with cert_path, and only with it',
  })
  .refine(({ client_ca_path: ca, cert_path: cert }) => ca === null || cert !== null, {
    path: ['client_ca_path'],
    error: 'needs cert_path and key_path',
  })
  .refine(({ client_ca_path: ca, client_certificates: asked }) => ca !== null || asked === 'optional', {
    path: ['client_ca_path'],
    error: 'must be set where certificates are required',
  });
export type TlsSettings = z.output<typeof tlsSchema>;

/** Whom a caller's certificate stands for. */
export const certifiedSchema = z
  .strictObject({
    /** A URI among its alternative names, as SPIFFE has them, or `CN=` and the common name of its subject. */
    name: z.string().regex(/^(?:CN=[^\p{Cc}]{1,200}|[a-z][a-z0-9+.-]*:\/\/[\x21-\x7e]{1,2000})$/u, {
      error: 'must be a URI like spiffe://example.org/chat, or CN= and a common name',
    }),
    tenant_id: tenantSchema.nullable(),
    roles: z.array(z.enum(roles)).max(roles.length).default([]),
    scopes: z.array(grantSchema).max(50).default([]),
  })
  .refine(({ tenant_id: tenant, roles: held }) => tenant === null || !held.includes('super_admin'), {
    path: ['tenant_id'],
    error: 'must be null: a super admin is bound to no tenant',
  });
export type Certified = z.output<typeof certifiedSchema>;
