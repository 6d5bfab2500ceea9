import { createHash, timingSafeEqual } from 'node:crypto';
import type { Request } from 'express';
import { ConclaveError } from '../contract/errors';
import { anonymous, type ClientCertificate, type Identity, type Permission } from '../contract/identity';
import { type Reach, refusalOf } from '../domain/permissions';
import type { Leaves, Operation } from './operations';
import { endpointOf } from './principal';
import { contextOf } from './request-context';
import { namedTenantOf } from './tenant-header';

/** What a caller shows. */
export interface Credentials {
  /** Of X-API-Key. */
  readonly apiKey?: string | undefined;
  /** Of Authorization, as it came. */
  readonly authorization?: string | undefined;
  /** That its connection was made with. */
  readonly certificate?: ClientCertificate | null;
}

/** Whoever asks, as far as the network tells. */
export interface Origin {
  readonly address: string;
  readonly requestId: string;
  /** Whether refusals have the shapes of orchestration paths or of gateway paths. */
  readonly paths: 'orchestration' | 'gateway';
}

export interface Decision {
  readonly identity: Identity;
  /** Template of the path. */
  readonly endpoint: string;
  readonly tenantId: string | null;
  readonly permission: Permission;
  readonly reach: Reach;
  readonly refusal: string | null;
  readonly address: string;
  readonly requestId: string;
}

export interface GateDependencies {
  readonly tenants: {
    isActive(tenantId: string): boolean;
    isDeleted(tenantId: string): boolean;
    requireActive(tenantId: string): void;
  };
  /** Throws ConclaveError for credentials that are not believed. Null: nobody is asked for any. */
  readonly authenticate: ((shown: Credentials, from: Origin) => Promise<Identity>) | null;
  /** Of the certificate that a connection was made with. */
  readonly certificateOf?: (socket: object) => ClientCertificate | null;
  /** What clients of other products show for none while nobody is asked. */
  readonly clientKey: string;
  /** Proxies before us whose word on a caller's address is taken. */
  readonly trustedProxies?: number;
  /** Hears of every decision. */
  readonly decided: (decision: Decision) => void;
  /** Puts on record what somebody has done. @returns when it may be answered */
  readonly operated: (operation: Operation) => Promise<void>;
}

/** What a route asks of its callers. */
export interface Needed {
  readonly permission: Permission;
  readonly reach: Reach;
  /** Where grants may name resources: the parameter of the path that is one. */
  readonly resource?: string | undefined;
  /** Clients that must show a credential show `facades.client_key` while there is no authentication. */
  readonly facade?: boolean | undefined;
  /** Its handler counts calls against the limits, since those are known only when the body is. */
  readonly countsItself?: boolean | undefined;
  /** Whether no limit counts it (spec/orchestration.md 7, R32). */
  readonly isUncounted?: boolean | undefined;
  /** In the audit log; default: what changes something is an operation. */
  readonly leaves?: Leaves | undefined;
  /** For callers that are known in another way, default: {@link Gate.recognize}. */
  readonly recognize?: ((gate: Gate, request: Request) => Promise<Identity>) | undefined;
}

type Refusal = NonNullable<ReturnType<typeof refusalOf>> | 'tenant_inactive';

const messages: Readonly<Record<Refusal, string>> = {
  permission_missing: 'the credential does not permit this',
  tenant_mismatch: 'X-Tenant-ID names another tenant than the credential',
  platform_only: 'this is for credentials of the installation, which are bound to no tenant',
  super_admin_only: 'data of tenants is for their own credentials, and for super admins',
  tenant_inactive: 'the tenant is not active',
};

/** The one place where it is decided who calls and whether it may: authentication, then roles and scopes. */
export class Gate {
  constructor(private readonly deps: GateDependencies) {}

  /** Whether callers are asked for credentials. */
  get asks(): boolean {
    return this.deps.authenticate !== null;
  }

  /** @throws ConclaveError UNAUTHORIZED, INSUFFICIENT_RBAC; INVALID_REQUEST for a malformed X-Tenant-ID */
  async admit(request: Request, needed: Needed): Promise<void> {
    const identity = await (needed.recognize?.(this, request) ?? this.recognize(request, needed.facade));
    request.res!.locals['identity'] = identity;
    this.require(request, identity, needed);
  }

  /** @returns when it may be answered */
  operated(operation: Operation): Promise<void> {
    return this.deps.operated(operation);
  }

  /** @throws ConclaveError UNAUTHORIZED */
  async recognize(request: Request, isFacade = false, shown = credentialsOf(request)): Promise<Identity> {
    const identity = await this.#identify(request, shown, isFacade).catch((error: unknown) => {
      if (error instanceof ConclaveError && error.code === 'UNAUTHORIZED') challenge(request, error);
      throw error;
    });
    request.res!.locals['identity'] = identity;
    return identity;
  }

  /** @throws ConclaveError INSUFFICIENT_RBAC */
  require(
    request: Request,
    identity: Identity,
    needed: Needed,
    resource = resourceOf(request, needed),
  ): void {
    const named = namedTenantOf(request);
    const refusal = this.#refusalOf(identity, { ...needed, resource }, named, request.method);
    this.deps.decided({
      identity,
      endpoint: endpointOf(request),
      tenantId: identity.tenantId ?? named,
      permission: needed.permission,
      reach: needed.reach,
      refusal,
      address: request.ip ?? 'unknown',
      requestId: contextOf(request.res!).requestId,
    });
    if (refusal === null) return;
    const about = refusal === 'permission_missing' ? `: it needs ${needed.permission}` : '';
    throw new ConclaveError('INSUFFICIENT_RBAC', `${messages[refusal]}${about}`, { detail: refusal });
  }

  /**
   * Also for callers of no tenant, wherever something is begun for one.
   * @throws ConclaveError INSUFFICIENT_RBAC `tenant_inactive`
   */
  requireActive(tenantId: string): void {
    this.deps.tenants.requireActive(tenantId);
  }

  #refusalOf(identity: Identity, needed: Needed, named: string | null, method: string): Refusal | null {
    const refusal = refusalOf(identity, needed, named);
    if (refusal !== null) return refusal;
    // Nothing comes into being for one that is gone, whoever asks for it.
    if (named !== null && method !== 'GET' && this.deps.tenants.isDeleted(named)) return 'tenant_inactive';
    if (identity.tenantId === null) return null;
    return this.deps.tenants.isActive(identity.tenantId) ? null : 'tenant_inactive';
  }

  async #identify(request: Request, shown: Credentials, isFacade: boolean): Promise<Identity> {
    if (!this.deps.authenticate) {
      this.#refuseUnknown(shown, isFacade);
      return anonymous;
    }
    const certificate = this.deps.certificateOf?.(request.socket) ?? null;
    return this.deps.authenticate(certificate ? { ...shown, certificate } : shown, {
      address: request.ip ?? 'unknown',
      requestId: contextOf(request.res!).requestId,
      paths: isGatewayPath(request) ? 'gateway' : 'orchestration',
    });
  }

  /** Without authentication no credential can be known; one that is shown is not quietly ignored. */
  #refuseUnknown({ apiKey, authorization }: Credentials, isFacade: boolean): void {
    const shown = [apiKey, authorization?.replace(/^Bearer\s+/i, '')].filter((text) => text !== undefined);
    if (shown.length === 0) return;
    if (isFacade && shown.every((text) => isSame(text, this.deps.clientKey))) return;
    throw new ConclaveError(
      'UNAUTHORIZED',
      `this credential is unknown: the server runs without authentication (development); ${
        isFacade ? 'show facades.client_key' : 'leave it out'
      }`,
      { detail: 'unknown_credential' },
    );
  }
}

const gatewayPaths = /^\/api\/v1\/(?:auth|config|registry|router|proxy|circuit-breaker|health)(?:[/?]|$)/;

/** Whether refusals have the shape of gateway paths. */
export function isGatewayPath({ originalUrl }: Pick<Request, 'originalUrl'>): boolean {
  return gatewayPaths.test(originalUrl);
}

export function credentialsOf(request: Request): Credentials {
  return { apiKey: request.get('x-api-key'), authorization: request.get('authorization') };
}

/** RFC 6750, 3. */
function challenge(request: Request, { detail }: ConclaveError): void {
  const error = detail === 'credentials_missing' ? 'invalid_request' : 'invalid_token';
  const value = detail === 'unknown_credential' ? 'Bearer' : `Bearer error="${error}"`;
  request.res!.set('WWW-Authenticate', value);
}

function resourceOf(request: Request, { resource }: Needed): string | undefined {
  return resource === undefined ? undefined : String(request.params[resource]);
}

function isSame(one: string, other: string): boolean {
  return timingSafeEqual(digest(one), digest(other));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
