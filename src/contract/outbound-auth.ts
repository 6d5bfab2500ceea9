import { z } from 'zod';

export const authTypes = ['none', 'api_key', 'bearer_token', 'basic_auth', 'oauth2'] as const;
export type AuthType = (typeof authTypes)[number];

/** Where a secret is found: `env:NAME`, `file:path`, `vault:path#key`, `aws-sm:name`, `aws-sm:name#key`. */
export const secretReferenceSchema = z
  .string()
  .max(1000)
  .regex(
    /^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|vault:[^#]+#[^#]+|aws-sm:[A-Za-z0-9/_+=.@-]+(#[^#]+)?)$/,
    'must be a reference: env:NAME, file:path, vault:path#key or aws-sm:name',
  );

/** Certificates in PEM, by reference: our own for mutual TLS, and the authority that signed the upstream's. */
const tlsReferencesSchema = z
  .strictObject({
    cert_ref: secretReferenceSchema.optional(),
    key_ref: secretReferenceSchema.optional(),
    ca_ref: secretReferenceSchema.optional(),
  })
  .refine((tls) => (tls.cert_ref === undefined) === (tls.key_ref === undefined), {
    path: ['key_ref'],
    error: 'cert_ref and key_ref go together',
  });
export type TlsReferences = z.output<typeof tlsReferencesSchema>;

const tls = tlsReferencesSchema.optional();

/** What each way to authenticate needs (spec/orchestration.md 7, Outbound); secrets by reference only. */
export const authConfigSchemas = {
  none: z.strictObject({ tls }),
  api_key: z.strictObject({
    header: z
      .string()
      .regex(/^[A-Za-z0-9-]{1,100}$/, 'must be the name of a header')
      .default('X-API-Key'),
    secret_ref: secretReferenceSchema,
    tls,
  }),
  bearer_token: z.strictObject({ secret_ref: secretReferenceSchema, tls }),
  basic_auth: z.strictObject({
    username_ref: secretReferenceSchema,
    password_ref: secretReferenceSchema,
    tls,
  }),
  /** Client credentials (RFC 6749, 4.4). */
  oauth2: z.strictObject({
    token_url: z
      .url({ protocol: /^https?$/ })
      .max(2048)
      .refine((url) => !/^https?:\/\/[^/?#]*@/.test(url), {
        error: 'must not hold a password; use client_secret_ref',
      }),
    client_id_ref: secretReferenceSchema,
    client_secret_ref: secretReferenceSchema,
    scope: z.string().max(1000).optional(),
    tls,
  }),
} as const satisfies Record<AuthType, z.ZodType>;
export type OAuth2Config = z.output<typeof authConfigSchemas.oauth2>;

/** How an upstream wants to be spoken to; `auth_config` is one of {@link authConfigSchemas}. */
export interface OutboundAuth {
  readonly auth_type: AuthType;
  readonly auth_config: Readonly<Record<string, unknown>>;
}

/** For `superRefine`: the faults of `auth_config` under its type. */
export function checkAuthConfig({ auth_type, auth_config }: OutboundAuth, context: z.RefinementCtx): void {
  const { error } = authConfigSchemas[auth_type].safeParse(auth_config);
  for (const { path, message } of error?.issues ?? []) {
    context.addIssue({ code: 'custom', path: ['auth_config', ...path], message });
  }
}
