import { z } from 'zod';
import { certifiedSchema } from './tls';

const seconds = z.int().min(1);
const filePath = z.string().min(1);

function namesWhose({ issuer, audience }: { issuer: string | null; audience: string | null }): boolean {
  return issuer !== null && audience !== null;
}

/** Credentials of callers (docs/authentication.md). Whether any are asked for is `security.auth_disabled`. */
export const authSettingsSchema = z
  .strictObject({
    /** Verifies and signs tokens of algorithm HS256. */
    jwt_secret_key: z.string().min(32, 'must have at least 32 characters').nullable().default(null),
    /** PEM of a public key, RSA (RS256) or P-256 (ES256), that tokens are verified with. */
    jwt_public_key_path: filePath.nullable().default(null),
    /** PEM of the private key that tokens are signed with; without it and without a secret none are issued. */
    jwt_private_key_path: filePath.nullable().default(null),
    /** Key set of an issuer of RS256 or ES256 tokens. */
    jwks_url: z
      .url({ protocol: /^https?$/ })
      .nullable()
      .default(null),
    issuer: z.string().min(1).nullable().default(null),
    audience: z.string().min(1).nullable().default(null),
    /** How far clocks may be apart. */
    leeway_seconds: z.int().min(0).max(300).default(60),
    /** The claim that holds roles. */
    roles_claim: z.string().min(1).default('roles'),
    access_token_seconds: seconds.max(86_400).default(900),
    refresh_token_seconds: seconds.max(90 * 86_400).default(30 * 86_400),
    /** Whom callers' certificates stand for (service.tls.client_ca_path). */
    certificates: z
      .array(certifiedSchema)
      .max(1000)
      .default([])
      .refine((entries) => new Set(entries.map(({ name }) => name)).size === entries.length, {
        error: 'must not have a name twice',
      }),
    /** Wrong credentials from one address, or under one name, that are listened to; per process. */
    attempt_limit: z
      .strictObject({
        max: z.int().min(1).default(10),
        window_seconds: seconds.default(60),
        block_seconds: seconds.default(300),
      })
      .prefault({}),
    /** POST /auth/dev-token; only in development on loopback. */
    dev_tokens: z.boolean().default(false),
  })
  .refine(({ jwks_url: url, ...named }) => url === null || namesWhose(named), {
    path: ['jwks_url'],
    error: 'needs auth.issuer and auth.audience: its keys sign tokens for others, too',
  })
  .refine(({ jwt_public_key_path: key, ...named }) => key === null || namesWhose(named), {
    path: ['jwt_public_key_path'],
    error: 'needs auth.issuer and auth.audience: whoever has its private key may sign tokens for others, too',
  })
  .refine(({ jwt_private_key_path: key, jwt_secret_key: secret }) => key === null || secret === null, {
    path: ['jwt_private_key_path'],
    error: 'cannot stand beside auth.jwt_secret_key: one of them signs',
  });
export type AuthSettings = z.output<typeof authSettingsSchema>;
