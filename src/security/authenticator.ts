import { ConclaveError } from '../contract/errors';
import type { ClientCertificate, Identity } from '../contract/identity';
import type { TokenClaims } from '../contract/token-claims';
import { isApiKey } from './api-key';
import { type Fault, type RefusedCredential, refusalFor } from './refused-credential';
import { identityIn, TokenError } from './tokens';

/** What a caller shows, as it came. */
interface Shown {
  readonly apiKey?: string | undefined;
  readonly authorization?: string | undefined;
  readonly certificate?: ClientCertificate | null;
}

export type AuthOutcome = 'success' | Fault;

export interface AuthenticatorDependencies {
  /** @throws TokenError, also for revoked ones */
  readonly verifyToken: (token: string) => Promise<TokenClaims>;
  /** Null: unknown, expired or revoked. @throws when it cannot be known */
  readonly identityOfKey: (apiKey: string) => Identity | null;
  /** Null: it stands for nobody. */
  readonly identityOfCertificate: (certificate: ClientCertificate) => Identity | null;
  /** Hears of every attempt. */
  readonly attempted: (outcome: AuthOutcome) => void;
}

const longestCredential = 8192;

/** Finds out who calls by what they show. */
export class Authenticator {
  constructor(private readonly deps: AuthenticatorDependencies) {}

  /** @throws ConclaveError UNAUTHORIZED; INSUFFICIENT_RBAC for credentials of different tenants */
  async authenticate(shown: Shown): Promise<Identity> {
    const credentials = credentialsIn(shown);
    if (!credentials) throw this.#refused('malformed');
    const certified = this.#certified(shown.certificate ?? null);
    if (credentials.length === 0 && certified === null) throw this.#refused('missing');
    const identities = await Promise.all(credentials.map((text) => this.#identityOf(text)));
    if (certified) identities.push(certified);
    const identity = identities.reduce(both);
    this.deps.attempted('success');
    return identity;
  }

  /** One that stands for nobody is only part of the connection. */
  #certified(certificate: ClientCertificate | null): Identity | null {
    if (certificate === null) return null;
    if (!certificate.isTrusted || certificate.expiresAt <= Date.now()) throw this.#refused('certificate');
    return this.deps.identityOfCertificate(certificate);
  }

  async #identityOf(text: string): Promise<Identity> {
    if (isApiKey(text)) {
      const identity = this.deps.identityOfKey(text);
      if (identity) return identity;
      throw this.#refused('unknown');
    }
    try {
      return identityIn(await this.deps.verifyToken(text));
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      throw this.#refused(error.fault);
    }
  }

  #refused(outcome: Exclude<AuthOutcome, 'success'>): RefusedCredential {
    this.deps.attempted(outcome);
    return refusalFor(outcome);
  }
}

/** Null: what is shown is no credential at all. */
function credentialsIn({ apiKey, authorization }: Shown): string[] | null {
  const bearer = authorization === undefined ? undefined : /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  if (authorization !== undefined && bearer === undefined) return null;
  if (apiKey !== undefined && !isApiKey(apiKey)) return null;
  const shown = [bearer, apiKey].filter((text) => text !== undefined);
  return shown.every((text) => text.length <= longestCredential) ? [...new Set(shown)] : null;
}

/** What both permit; they must speak for one tenant. */
function both(one: Identity, other: Identity): Identity {
  if (one.tenantId !== other.tenantId) {
    throw new ConclaveError('INSUFFICIENT_RBAC', 'the credentials are of different tenants', {
      detail: 'tenant_mismatch',
    });
  }
  return {
    ...one,
    roles: one.roles.filter((role) => other.roles.includes(role)),
    grants: one.grants.filter((grant) => other.grants.includes(grant)),
  };
}
