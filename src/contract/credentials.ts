import type { Role } from './identity';

/** An API key as it is kept. */
export interface ApiKeyRecord {
  readonly keyId: string;
  /** Null: bound to no tenant. */
  readonly tenantId: string | null;
  /** SHA-256 of the key. */
  readonly hash: Buffer;
  readonly roles: readonly Role[];
  readonly scopes: readonly string[];
  readonly description: string;
  readonly createdAt: Date;
  readonly createdBy: string;
  /** Who answers for what is done with it, as a subject; keys that came of one another have one. */
  readonly owner: string;
  /** Null: as many as any credential. */
  readonly perMinute: number | null;
  readonly expiresAt: Date;
  readonly revokedAt: Date | null;
  readonly rotatedTo: string | null;
  readonly lastUsed: Date | null;
}

/** What stands among revoked tokens for all that came of one login; no `jti` of ours looks like it. */
export function familyName(family: string): string {
  return `family:${family}`;
}

export interface RevokedToken {
  readonly jti: string;
  readonly expiresAt: Date;
}

export interface CredentialNews {
  readonly keys: readonly ApiKeyRecord[];
  readonly revoked: readonly RevokedToken[];
}
