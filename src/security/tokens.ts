import { createHash, randomUUID } from 'node:crypto';
import { errors, jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import type { AuthSettings } from '../contract/auth-config';
import type { Identity } from '../contract/identity';
import { type TokenClaims, tokenClaimsSchema } from '../contract/token-claims';
import { grantsOf } from '../domain/permissions';
import { type TokenKeys, tokenKeysOf } from './token-keys';

export const tokenFaults = [
  ...(['malformed', 'expired', 'not_yet_valid', 'signature', 'algorithm', 'issuer', 'audience'] as const),
  ...(['claims', 'unknown_key', 'wrong_type', 'revoked'] as const),
] as const;
export type TokenFault = (typeof tokenFaults)[number];

/** A token that is not believed; never says what stands in it. */
export class TokenError extends Error {
  override readonly name = 'TokenError';
  constructor(readonly fault: TokenFault) {
    super(`the token is not valid: ${fault}`);
  }
}

const maxTokenLength = 8192;
/** So long a signature that was verified is not verified again, nor its key asked for. */
const rememberedMs = 60_000;
const maxRemembered = 5000;

export interface NewToken {
  readonly sub: string;
  readonly tenantId: string | null;
  readonly roles: readonly string[];
  readonly permissions?: readonly string[];
  readonly typ: 'access' | 'refresh';
  readonly seconds: number;
  readonly family?: string;
}

/** Tokens of others and of our own, believed by signature and claims alone. Whether one is revoked is another question. */
export class Tokens {
  readonly #keys: TokenKeys;
  /** By the hash of the token. */
  readonly #verified = new LRUCache<string, TokenClaims>({
    max: maxRemembered,
    ttl: rememberedMs,
    ttlResolution: 1000,
  });

  constructor(
    private readonly settings: AuthSettings,
    private readonly now: () => number = Date.now,
  ) {
    this.#keys = tokenKeysOf(settings, now);
  }

  get canSign(): boolean {
    return this.#keys.signing !== null;
  }

  /** @throws TokenError; IssuerAwayError when its keys cannot be had */
  async verify(token: string, typ: TokenClaims['typ'] = 'access'): Promise<TokenClaims> {
    if (token.length > maxTokenLength) throw new TokenError('malformed');
    const claims = await this.#claimsIn(token);
    if (claims.typ !== typ) throw new TokenError('wrong_type');
    return claims;
  }

  /** @throws Error when there is no key to sign with */
  async sign({ sub, tenantId, roles, permissions, typ, seconds, family }: NewToken): Promise<{
    readonly token: string;
    readonly jti: string;
    readonly expiresAt: Date;
  }> {
    const { signing } = this.#keys;
    if (!signing) throw new Error('there is no key to sign tokens with');
    const { issuer, audience, roles_claim: rolesClaim } = this.settings;
    const jti = randomUUID();
    const now = Math.floor(this.now() / 1000);
    const token = new SignJWT({
      typ,
      ...(tenantId === null ? {} : { tenant_id: tenantId }),
      [rolesClaim]: [...roles],
      ...(permissions && permissions.length > 0 ? { permissions: [...permissions] } : {}),
      ...(family === undefined ? {} : { family }),
    })
      .setProtectedHeader({ alg: signing.algorithm, typ: 'JWT' })
      .setSubject(sub)
      .setJti(jti)
      .setIssuedAt(now)
      .setExpirationTime(now + seconds);
    if (issuer !== null) token.setIssuer(issuer);
    if (audience !== null) token.setAudience(audience);
    return { token: await token.sign(signing.key), jti, expiresAt: new Date((now + seconds) * 1000) };
  }

  async #claimsIn(token: string): Promise<TokenClaims> {
    const hash = createHash('sha256').update(token).digest('base64');
    const known = this.#verified.get(hash);
    if (known && known.exp > this.now() / 1000 - this.settings.leeway_seconds) return known;
    const claims = await this.#verify(token);
    this.#verified.set(hash, claims);
    return claims;
  }

  async #verify(token: string): Promise<TokenClaims> {
    const { issuer, audience, leeway_seconds: leeway, roles_claim: rolesClaim } = this.settings;
    try {
      const { payload } = await jwtVerify(token, this.#keys.keyFor, {
        algorithms: [...this.#keys.algorithms],
        clockTolerance: leeway,
        currentDate: new Date(this.now()),
        requiredClaims: ['sub', 'exp', 'iat', 'jti'],
        ...(issuer === null ? {} : { issuer }),
        ...(audience === null ? {} : { audience }),
      });
      const parsed = tokenClaimsSchema.safeParse({ ...payload, roles: payload[rolesClaim] });
      if (!parsed.success) throw new TokenError('claims');
      if (parsed.data.iat > this.now() / 1000 + leeway) throw new TokenError('not_yet_valid');
      return parsed.data;
    } catch (error) {
      throw faultIn(error);
    }
  }
}

/** Who a believed token speaks for. */
export function identityIn(claims: TokenClaims): Identity {
  const { sub, tenant_id: tenantId, roles, permissions, scopes, scope, jti, exp, family } = claims;
  return {
    subject: sub,
    owner: sub,
    tenantId: tenantId ?? null,
    roles,
    grants: grantsOf(roles, [...permissions, ...scopes, ...scope]),
    method: 'jwt',
    tokenId: jti,
    expiresAt: exp * 1000,
    family,
  };
}

const faultsOfClaims: Readonly<Record<string, TokenFault>> = {
  nbf: 'not_yet_valid',
  iss: 'issuer',
  aud: 'audience',
};

/** What is nobody's fault is thrown on as it is. */
function faultIn(error: unknown): unknown {
  if (error instanceof errors.JWTExpired) return new TokenError('expired');
  if (error instanceof errors.JWTClaimValidationFailed)
    return new TokenError(error.reason === 'missing' ? 'claims' : (faultsOfClaims[error.claim] ?? 'claims'));
  if (error instanceof errors.JWSSignatureVerificationFailed) return new TokenError('signature');
  if (error instanceof errors.JOSEAlgNotAllowed) return new TokenError('algorithm');
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys)
    return new TokenError('unknown_key');
  if (error instanceof errors.JOSEError) return new TokenError('malformed');
  return error;
}
