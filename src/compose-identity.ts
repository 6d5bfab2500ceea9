import type { ApiKeysRouterDependencies } from './api/api-keys-router';
import type { AuthRouterDependencies } from './api/auth-router';
import type { GateDependencies } from './api/gate';
import type { NamesOnRecord } from './api/principal';
import { isOwnMachine } from './config/own-machine';
import { type AuditParts, composeAudit } from './compose-audit';
import { composeFirewall } from './compose-firewall';
import type { Counting } from './compose-metrics';
import { composeRecording } from './compose-recording';
import type { Settings } from './contract/config';
import type { ConclaveOptions } from './conclave-process';
import { ConclaveError } from './contract/errors';
import { ApiKeys } from './security/api-keys';
import { composeTls } from './compose-tls';
import { AttemptLimit } from './security/attempt-limit';
import { Authenticator } from './security/authenticator';
import { certifiedBy } from './security/client-certificates';
import { LiveCredentials } from './security/live-credentials';
import { orUnavailable } from './security/or-unavailable';
import type { LiveTenants } from './security/live-tenants';
import { Sessions } from './security/sessions';
import type { Tenants } from './security/tenants';
import { Tokens } from './security/tokens';
import { Credentials } from './store/credentials';
import type { Db } from './store/database';
import { hear, type Notifications } from './store/notifications';
import { whenCommitted } from './store/one-transaction';
import { TokenFamilies } from './store/token-families';
import type { Logger } from './telemetry/logger';

interface IdentityParts {
  readonly settings: Settings;
  readonly db: Db;
  readonly notices: AuditParts['notices'];
  readonly notifications: Notifications;
  readonly tenants: LiveTenants;
  readonly tenantRecords: Tenants;
  readonly counting: Pick<Counting, 'accessMetrics'>;
  readonly policies: AuditParts['policies'];
  readonly parts: ConclaveOptions['parts'];
  readonly version: string;
  readonly log: Logger;
}

/** The part of the composition root that knows who calls, and what is on record of it. */
export async function composeIdentity(parts: IdentityParts) {
  const { settings, db, notifications, tenants, counting, log } = parts;
  const { facade, maintenance } = parts.parts;
  const { auth, security } = settings;
  const { accessMetrics } = counting;
  const store = new Credentials(db, notifications);
  const live = new LiveCredentials({
    news: () => store.news(),
    onHint: (listener) => hear(notifications, 'credentials_changed', listener),
    used: (keyIds) => store.used(keyIds),
    failed: (error) => log.error({ error }, 'credentials cannot be read or kept'),
  });
  if (facade) await live.start();
  const changed = () => whenCommitted(() => live.catchUp());
  const recording = composeRecording(db, log);
  const audit = composeAudit(parts);
  if (maintenance) audit.keeper.start();
  const limit = new AttemptLimit(auth.attempt_limit);
  const secured = facade ? composeTls(settings, log) : null;

  const sessions = new Sessions({
    tokens: new Tokens(auth),
    settings: auth,
    families: new TokenFamilies(db),
    isRevoked: (jti) => live.isRevoked(jti),
    revoke: (jti, expiresAt) => store.revokeToken(jti, expiresAt),
    changed,
    replayed: ({ sub, tenant_id: tenantId }) =>
      log.warn({ subject: sub, tenant_id: tenantId }, 'a refresh token was used twice; its family is ended'),
  });
  const authenticator = new Authenticator({
    verifyToken: (token) => sessions.verify(token),
    identityOfKey: (apiKey) => live.identityOf(apiKey),
    identityOfCertificate: certifiedBy(auth.certificates),
    attempted: (outcome) => accessMetrics.attempted(outcome),
  });
  const authenticate: GateDependencies['authenticate'] = (shown, from) => {
    const credential = shown.apiKey ?? shown.authorization?.replace(/^Bearer +/i, '');
    return limit.guard(from, credential, async () => {
      try {
        return await orUnavailable(from.paths, () => authenticator.authenticate(shown));
      } catch (error) {
        if (isRefusedCredential(error)) recording.failed(error, from);
        throw error;
      }
    });
  };
  const gate: GateDependencies & NamesOnRecord = {
    authenticate: security.auth_disabled ? null : authenticate,
    ...(secured ? { certificateOf: secured.tls.certificateOf } : {}),
    clientKey: settings.facades.client_key,
    trustedProxies: security.trusted_proxies,
    tenants,
    decided(decision) {
      accessMetrics.decided({
        endpoint: decision.endpoint,
        tenantId: decision.identity.tenantId,
        scope: decision.permission,
        allowed: decision.refusal === null,
      });
      if (!security.auth_disabled) recording.decided(decision);
    },
    nameOf: recording.nameOf,
    operated: recording.operated,
  };
  const apiKeys: ApiKeysRouterDependencies = {
    keys: new ApiKeys({
      store,
      changed,
      perMinute: settings.orchestration.default_rate_limit_per_minute,
      quotaOf: (tenantId) => tenants.quotaOf(tenantId, 'api_keys'),
    }),
  };
  const tokens: AuthRouterDependencies = {
    sessions,
    guarded: (request, attempt) =>
      limit.guard({ address: request.ip ?? 'unknown', paths: 'gateway' }, undefined, () =>
        orUnavailable('gateway', attempt),
      ),
    devTokens: auth.dev_tokens,
  };
  return {
    routes: {
      gate,
      apiKeys,
      tokens,
      audit: audit.routes,
      tenants: { tenants: parts.tenantRecords },
      firewall: composeFirewall({ settings, db, accessMetrics, log }),
      corsOrigins: security.cors_origins,
    },
    /** Null: the facade is asked in plain. */
    tls: secured?.tls ?? null,
    stop: async () => {
      await recording.stop();
      await audit.keeper.stop();
      secured?.stop();
      tenants.stop();
      if (facade) await live.stop();
    },
  };
}

/** The page of metrics names all tenants. */
export function metricsArePublic({ security, service }: Settings): boolean {
  return security.metrics_public ?? isOwnMachine(service);
}

function isRefusedCredential(error: unknown): error is ConclaveError {
  if (!(error instanceof ConclaveError) || error.detail === 'credentials_missing') return false;
  return error.code === 'UNAUTHORIZED' || error.code === 'INSUFFICIENT_RBAC';
}
