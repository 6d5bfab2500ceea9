import { type Request, Router } from 'express';
import { decodeJwt } from 'jose';
import {
  type DevToken,
  devTokenSchema,
  refreshTokenSchema,
  revokeTokenSchema,
  type TokenPairAnswer,
  type TokenValidity,
  type UserContext,
  validateTokenSchema,
} from '../contract/auth-api';
import { ConclaveError } from '../contract/errors';
import type { Identity } from '../contract/identity';
import { tokenClaimsSchema } from '../contract/token-claims';
import { needs, needsIdentity, open } from './access';
import { notFound } from './error-handler';
import { bodyOf, readBody } from './json-body';
import { once } from './once';
import { type Actor, actsAs } from './operations';
import { identityOf } from './principal';

export interface AuthRouterDependencies {
  readonly sessions: {
    /** @throws ConclaveError UNAUTHORIZED for one that is not valid */
    validate(token: string): Promise<TokenValidity>;
    refresh(refreshToken: string): Promise<TokenPairAnswer>;
    logOut(identity: Identity): Promise<void>;
    revoke(named: { jti?: string; token?: string }, tenantId: string | null): Promise<void>;
    begin(asked: DevToken): Promise<TokenPairAnswer>;
  };
  /** Guards what is open to guessing. @throws when a caller has failed too often */
  readonly guarded: <T>(request: Request, attempt: () => Promise<T>) => Promise<T>;
  readonly devTokens: boolean;
}

const maxBodyBytes = 32 * 1024;

/** Tokens: looked at, renewed, ended (spec/gateway.md 7). */
export function authRouter({ sessions, guarded, devTokens }: AuthRouterDependencies): Router {
  const router = Router();
  const body = readBody(maxBodyBytes);

  router.post('/auth/validate', open('nothing'), ...body, async (request, response) => {
    const { token } = bodyOf(request, validateTokenSchema);
    response.json(await guarded(request, () => sessions.validate(token)).catch(asInvalid));
  });

  router.get('/auth/user', needsIdentity(), (request, response) => {
    response.json(userContext(identityOf(request)));
  });

  router.post('/auth/refresh', open(), ...body, async (request, response) => {
    const { refresh_token: token } = bodyOf(request, refreshTokenSchema);
    const pair = await guarded(request, () => sessions.refresh(token));
    actsAs(response, holderOf(pair));
    response.json(pair);
  });

  router.post('/auth/logout', needsIdentity(), async (request, response) => {
    await sessions.logOut(identityOf(request));
    response.status(204).end();
  });

  router.post(
    '/auth/revoke',
    needs('auth:admin', { reach: 'shared' }),
    ...body,
    once(revokeTokenSchema),
    async (request, response) => {
      await sessions.revoke(bodyOf(request, revokeTokenSchema), identityOf(request).tenantId);
      response.status(204).end();
    },
  );

  router.post('/auth/dev-token', open(), ...body, async (request, response) => {
    if (!devTokens) notFound(request);
    const pair = await sessions.begin(bodyOf(request, devTokenSchema));
    actsAs(response, holderOf(pair));
    response.status(201).json(pair);
  });

  return router;
}

/** Whose a pair is that we have just made. */
function holderOf({ access_token: token }: TokenPairAnswer): Actor {
  const { sub, tenant_id: tenantId = null, roles } = tokenClaimsSchema.parse(decodeJwt(token));
  return { subject: sub, tenantId, roles, method: 'jwt' };
}

/** What callers are told of their own credentials, and no more. */
function asInvalid(error: unknown): TokenValidity {
  if (!(error instanceof ConclaveError) || error.code !== 'UNAUTHORIZED') throw error;
  return { valid: false, claims: null, error: error.detail, expires_in: null };
}

function userContext({
  subject,
  tenantId,
  roles,
  grants,
  method,
  tokenId,
  expiresAt,
}: Identity): UserContext {
  return {
    subject,
    tenant_id: tenantId,
    roles: [...roles],
    permissions: [...grants],
    auth_method: method,
    token_id: tokenId,
    expires_at: expiresAt === null ? null : new Date(expiresAt).toISOString(),
  };
}
