import { randomUUID } from 'node:crypto';
import type { DevToken, TokenPairAnswer, TokenValidity } from '../contract/auth-api';
import type { AuthSettings } from '../contract/auth-config';
import { ConclaveError, GatewayError } from '../contract/errors';
import { familyName } from '../contract/credentials';
import type { Identity } from '../contract/identity';
import type { TokenClaims } from '../contract/token-claims';
import { refusalFor, RefusedCredential } from './refused-credential';
import { TokenError, type TokenFault, type Tokens } from './tokens';

interface Pair {
  readonly refreshJti: string;
  readonly accessJti: string;
  readonly accessExpiresAt: Date;
  readonly expiresAt: Date;
}

interface Holder {
  readonly sub: string;
  readonly tenantId: string | null;
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
}

export interface SessionsDependencies {
  readonly tokens: Tokens;
  readonly settings: AuthSettings;
  readonly families: {
    open(family: Pair & { family: string; tenantId: string | null; subject: string }): Promise<void>;
    rotate(family: string, presented: string, next: Pair): Promise<'rotated' | 'replayed' | 'ended'>;
    endOf(token: { readonly jti: string; readonly family?: string | undefined }): Promise<void>;
  };
  /** @param name a `jti`, or what stands for a whole family */
  readonly isRevoked: (name: string) => boolean;
  readonly revoke: (jti: string, expiresAt: Date) => Promise<void>;
  /** Has this process see what was changed. */
  readonly changed: () => Promise<void>;
  /** Hears of a refresh token that was used twice. */
  readonly replayed: (claims: Pick<TokenClaims, 'sub' | 'tenant_id'>) => void;
}

/** A jti alone does not say how long it would be good. */
const longestSeconds = 90 * 86_400;

/** Tokens from their issue to their end (spec/gateway.md 7). */
export class Sessions {
  constructor(private readonly deps: SessionsDependencies) {}

  /** @throws TokenError; what cannot be known is thrown, too */
  async verify(token: string, typ: TokenClaims['typ'] = 'access'): Promise<TokenClaims> {
    const claims = await this.deps.tokens.verify(token, typ);
    const { jti, family } = claims;
    const isEnded =
      this.deps.isRevoked(jti) || (family !== undefined && this.deps.isRevoked(familyName(family)));
    if (isEnded) throw new TokenError('revoked');
    return claims;
  }

  /** @throws RefusedCredential, so that asking counts as trying */
  async validate(token: string): Promise<TokenValidity> {
    try {
      const claims = await this.verify(token);
      const left = Math.max(0, Math.floor(claims.exp - Date.now() / 1000));
      const said = JSON.parse(JSON.stringify(claims)) as TokenValidity['claims'];
      return { valid: true, claims: said, error: null, expires_in: left };
    } catch (error) {
      throw error instanceof TokenError ? refusalFor(error.fault) : error;
    }
  }

  /** The first pair of a family. @throws GatewayError NOT_SUPPORTED without a key to sign with */
  async begin({ sub, tenant_id: tenantId, roles, permissions, ttl }: DevToken): Promise<TokenPairAnswer> {
    this.#requireSigning();
    const family = randomUUID();
    const { pair, answer } = await this.#issue({ sub, tenantId, roles, permissions }, family, ttl);
    await this.deps.families.open({ ...pair, family, tenantId, subject: sub });
    return answer;
  }

  /** @throws ConclaveError UNAUTHORIZED; GatewayError NOT_SUPPORTED where tokens are only verified */
  async refresh(refreshToken: string): Promise<TokenPairAnswer> {
    this.#requireSigning();
    const claims = await this.#verifiedForRefresh(refreshToken);
    const { sub, tenant_id: tenantId = null, roles, permissions, family } = claims;
    if (family === undefined) throw refused('claims');
    const { pair, answer } = await this.#issue({ sub, tenantId, roles, permissions }, family);
    const outcome = await this.deps.families.rotate(family, claims.jti, pair);
    await this.deps.changed();
    if (outcome === 'rotated') return answer;
    if (outcome === 'replayed') this.deps.replayed(claims);
    throw refused('revoked');
  }

  /** Ends the token that a caller has shown, and what it came with. */
  async logOut({ method, tokenId, expiresAt, family }: Identity): Promise<void> {
    if (method === 'none') return;
    if (method !== 'jwt') {
      throw new ConclaveError('INVALID_REQUEST', 'an API key is ended by revoking it', {
        detail: 'not_a_token',
      });
    }
    await this.#end({ jti: tokenId!, family }, new Date(expiresAt!));
  }

  /** @param tenantId of the caller; null: who runs the installation, and may name a token that it cannot show */
  async revoke({ jti, token }: { jti?: string; token?: string }, tenantId: string | null): Promise<void> {
    if (token === undefined) {
      if (tenantId !== null) throw notTheirs('show the token itself');
      await this.#end({ jti: jti! }, new Date(Date.now() + longestSeconds * 1000));
      return;
    }
    const claims = await this.#believed(token);
    if (tenantId !== null && claims.tenant_id !== tenantId) throw notTheirs('it is of another tenant');
    await this.#end(claims, new Date(claims.exp * 1000));
  }

  /** One that was used before is looked up all the same: that is how a theft is found. */
  async #verifiedForRefresh(token: string): Promise<TokenClaims> {
    try {
      return await this.deps.tokens.verify(token, 'refresh');
    } catch (error) {
      throw error instanceof TokenError ? refused(error.fault) : error;
    }
  }

  async #believed(token: string): Promise<TokenClaims> {
    try {
      return await this.deps.tokens.verify(token).catch((error: unknown) => {
        if (error instanceof TokenError && error.fault === 'wrong_type')
          return this.deps.tokens.verify(token, 'refresh');
        throw error;
      });
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      throw new ConclaveError('INVALID_REQUEST', 'the token is not valid, so nothing is there to revoke', {
        detail: 'token_invalid',
      });
    }
  }

  async #end(token: { jti: string; family?: string | undefined }, expiresAt: Date): Promise<void> {
    await this.deps.families.endOf(token);
    await this.deps.revoke(token.jti, expiresAt);
    await this.deps.changed();
  }

  async #issue(
    holder: Holder,
    family: string,
    ttl = this.deps.settings.access_token_seconds,
  ): Promise<{ pair: Pair; answer: TokenPairAnswer }> {
    const { tokens, settings } = this.deps;
    const access = await tokens.sign({ ...holder, typ: 'access', seconds: ttl, family });
    const refresh = await tokens.sign({
      ...holder,
      typ: 'refresh',
      seconds: settings.refresh_token_seconds,
      family,
    });
    return {
      pair: {
        refreshJti: refresh.jti,
        accessJti: access.jti,
        accessExpiresAt: access.expiresAt,
        expiresAt: refresh.expiresAt,
      },
      answer: {
        access_token: access.token,
        refresh_token: refresh.token,
        token_type: 'Bearer',
        expires_in: ttl,
      },
    };
  }

  #requireSigning(): void {
    if (this.deps.tokens.canSign) return;
    throw new GatewayError('NOT_SUPPORTED', 'tokens are only verified here: ask their issuer for new ones');
  }
}

function refused(fault: TokenFault): RefusedCredential {
  return new RefusedCredential('the refresh token is not valid, or was used before', 'token_invalid', fault);
}

function notTheirs(how: string): ConclaveError {
  return new ConclaveError('INSUFFICIENT_RBAC', `tenants revoke tokens of their own: ${how}`, {
    detail: 'tenant_mismatch',
  });
}
