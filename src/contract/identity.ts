import { z } from 'zod';

export const roles = ['viewer', 'user', 'operator', 'admin', 'tenant_admin', 'super_admin'] as const;
export type Role = (typeof roles)[number];

/** Everything that a role or a scope may permit (spec/orchestration.md 7.2, spec/gateway.md 7). */
export const permissions = [
  ...['orchestrate:read', 'orchestrate:write', 'registry:read', 'registry:write', 'policy:read'],
  ...['policy:write', 'metrics:read', 'audit:read', 'keys:admin', 'tenant:admin', 'config:read'],
  ...['config:write', 'router:read', 'router:write', 'proxy:invoke', 'health:read', 'health:check'],
  ...['breaker:read', 'breaker:write', 'stats:read', 'alerts:read', 'alerts:write', 'pools:read'],
  ...['pools:write', 'catalog:read', 'catalog:write', 'tasks:submit', 'tasks:read', 'tasks:cancel'],
  ...['sessions:read', 'sessions:write', 'artifacts:read', 'artifacts:write', 'debug:read', 'debug:write'],
  'auth:admin',
] as const;
export type Permission = (typeof permissions)[number];

/** A permission, or one for certain resources only: `breaker:write:mapper`, `proxy:invoke:detector-*`. */
const grantPattern = /^([a-z]+:[a-z]+)(?::[A-Za-z0-9._@*-]{1,200})?$/;

export const grantSchema = z
  .string()
  .refine((text) => (permissions as readonly string[]).includes(grantPattern.exec(text)?.[1] ?? ''), {
    error: 'must be a permission like registry:read, or one for some resources like breaker:write:mapper',
  });

export type AuthMethod = 'none' | 'api_key' | 'jwt' | 'certificate';

/** What a caller has proven to hold when its connection was made. */
export interface ClientCertificate {
  /** Whether it is of one of the authorities that are asked for now. */
  readonly isTrusted: boolean;
  readonly names: readonly string[];
  readonly fingerprint: string;
  /** Epoch ms. */
  readonly expiresAt: number;
}

/** Who calls, as a credential has proven it. */
export interface Identity {
  /** Of a token its `sub`, of an API key `key:` and its id, of a certificate `cert:` and its name. */
  readonly subject: string;
  /** Who answers for it: of a token its `sub`, of an API key whoever made the first of those that it came of. */
  readonly owner: string;
  /** Null: bound to no tenant. Such a credential runs the installation. */
  readonly tenantId: string | null;
  readonly roles: readonly Role[];
  /** All that it may do: of its roles and its own. */
  readonly grants: readonly string[];
  readonly method: AuthMethod;
  /** Key id, `jti` or fingerprint. */
  readonly tokenId: string | null;
  /** Epoch ms. */
  readonly expiresAt: number | null;
  /** Of a token that we have issued: those that came of the same login. */
  readonly family?: string | undefined;
  /** Requests; absent: as many as any credential. */
  readonly perMinute?: number | null;
}

/** With authentication off: whoever reaches the port, which is this machine alone. */
export const anonymous: Identity = {
  subject: 'anonymous',
  owner: 'anonymous',
  tenantId: null,
  roles: ['super_admin'],
  grants: [...permissions],
  method: 'none',
  tokenId: null,
  expiresAt: null,
};
