import express, { type Express, type Router } from 'express';
import type { CacheGenerations } from '../store/cache-generations';
import type { Logger } from '../telemetry/logger';
import { type AllowListRouterDependencies, allowListRouter } from './allow-list-router';
import { type DeclaredRoute, declaredRoutes } from './access';
import { type ApiKeysRouterDependencies, apiKeysRouter } from './api-keys-router';
import { type AuditRouterDependencies, auditRouter } from './audit-router';
import { type AuthRouterDependencies, authRouter } from './auth-router';
import { type BatchRouterDependencies, batchRouter } from './batch-router';
import { type BreakerRouterDependencies, breakerRouter } from './breaker-router';
import { type CallbacksRouterDependencies, callbacksRouter } from './callbacks-router';
import { cacheRouter } from './cache-router';
import { type BulkRouterDependencies, bulkRouter } from './bulk-router';
import { type CodecRouterDependencies, codecRouter } from './codec-router';
import { type DetectorsRouterDependencies, detectorsRouter } from './detectors-router';
import { type DecisionsRouterDependencies, decisionsRouter } from './decisions-router';
import { docsRouter } from './docs-router';
import { type ConfigRouterDependencies, configRouter } from './config-router';
import { createErrorHandler, notFound } from './error-handler';
import type { FacadeDependencies } from './facades/facade-call';
import { facadesRouter } from './facades';
import { Firewall, type FirewallDependencies } from './firewall';
import { Gate, type GateDependencies } from './gate';
import { countRefused } from './rate-limit';
import { type HealthRouterDependencies, healthRouter } from './health-router';
import { type KeysRouterDependencies, keysRouter } from './keys-router';
import { type MetricsRouterDependencies, metricsRouter } from './metrics-router';
import type { KeyedChanges } from './once';
import { type OrchestrateRouterDependencies, orchestrateRouter } from './orchestrate-router';
import { type PoliciesRouterDependencies, policiesRouter } from './policies-router';
import { type PolicyCheckRouterDependencies, policyCheckRouter } from './policy-check-router';
import type { NamesOnRecord } from './principal';
import { type ProxyRouterDependencies, proxyHandler, proxyRoutes } from './proxy-router';
import { type RegistryRouterDependencies, registryRouter } from './registry-router';
import { establishContext } from './request-context';
import { expectBodySoon, partFromUnread } from './request-time';
import { crossOrigin } from './cross-origin';
import { debugRoute, type RoutesRouterDependencies, routesRouter } from './routes-router';
import { addSecurityHeaders } from './security-headers';
import { type SimulationsRouterDependencies, simulationsRouter } from './simulations-router';
import { type ShadowRouterDependencies, shadowRouter } from './shadow-router';
import { type StatusRouterDependencies, statusRouter } from './status-router';
import { type TenantLifecycleRouterDependencies, tenantLifecycleRouter } from './tenant-lifecycle-router';
import { type TenantsRouterDependencies, tenantsRouter } from './tenants-router';
import { type UploadRouterDependencies, uploadRouter } from './upload-router';
import { type UpstreamHealthRouterDependencies, upstreamHealthRouter } from './upstream-health-router';

export interface AppDependencies {
  readonly gate: GateDependencies & NamesOnRecord;
  readonly firewall: FirewallDependencies;
  readonly corsOrigins: readonly string[];
  readonly apiKeys: ApiKeysRouterDependencies;
  readonly tokens: AuthRouterDependencies;
  readonly keys: KeysRouterDependencies['keys'];
  readonly tenants: TenantsRouterDependencies;
  readonly lifecycle: TenantLifecycleRouterDependencies['lifecycle'];
  readonly orchestrate: OrchestrateRouterDependencies & BatchRouterDependencies & CallbacksRouterDependencies;
  readonly bulk: BulkRouterDependencies;
  readonly uploads: UploadRouterDependencies;
  readonly facades: FacadeDependencies;
  readonly detectors: DetectorsRouterDependencies;
  readonly registry: RegistryRouterDependencies;
  readonly config: ConfigRouterDependencies;
  readonly decisions: DecisionsRouterDependencies;
  readonly audit: AuditRouterDependencies;
  readonly policies: PoliciesRouterDependencies;
  readonly allowList: AllowListRouterDependencies;
  readonly shadows: ShadowRouterDependencies;
  readonly simulations: SimulationsRouterDependencies;
  readonly health: HealthRouterDependencies;
  readonly policyCheck: PolicyCheckRouterDependencies;
  readonly breakers: BreakerRouterDependencies;
  readonly upstreamHealth: UpstreamHealthRouterDependencies;
  readonly cache: Pick<CacheGenerations, 'invalidate'>;
  /** Null: no decoding for Temporal Web. */
  readonly codec: CodecRouterDependencies | null;
  readonly status: StatusRouterDependencies;
  readonly metrics: MetricsRouterDependencies;
  /** Null: no requests are passed on. */
  readonly gateway: {
    readonly proxy: ProxyRouterDependencies;
    readonly routes: RoutesRouterDependencies;
  } | null;
  readonly keyedChanges: KeyedChanges;
  readonly log: Logger;
}

/** The facade as an Express application: admission in the order of spec/orchestration.md 2.2, then the routers. */
export function createApp(deps: AppDependencies): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('trust proxy', deps.gate.trustedProxies ?? 0);
  app.locals['gate'] = new Gate(deps.gate);
  app.locals['names'] = deps.gate satisfies NamesOnRecord;
  app.locals['firewall'] = new Firewall(deps.firewall);
  partFromUnread(app);
  app.locals['rateLimit'] = deps.orchestrate.rateLimit;
  app.locals['once'] = deps.keyedChanges;
  app.use(establishContext);
  app.use(expectBodySoon);
  app.use(addSecurityHeaders);
  if (deps.corsOrigins.length > 0) app.use(crossOrigin(deps.corsOrigins));
  const routes: DeclaredRoute[] = [];
  const mount = (prefix: string, ...routers: readonly Router[]): void => {
    routes.push(...routers.flatMap((router) => declaredRoutes(prefix, router)));
    app.use(prefix, ...routers);
  };
  // First, because it is asked most.
  mount('/api/v1', orchestrateRouter(deps.orchestrate));
  const health = healthRouter(deps.health);
  mount('/api/v1', health);
  mount('', health);
  mount('/api/v1', docsRouter(deps.health.version, routes));
  app.get('/docs', (_request, response) => response.redirect('/api/v1/docs'));
  if (deps.codec) mount('/api/v1', codecRouter(deps.codec));
  mount('', metricsRouter(deps.metrics));
  if (deps.gateway) {
    // Before whatever reads bodies or credentials: what is passed on is judged there.
    app.use('/api/v1/proxy', proxyHandler(deps.gateway.proxy));
    routes.push(...proxyRoutes, debugRoute);
    mount('/api/v1', routesRouter(deps.gateway.routes));
  }
  mount('', facadesRouter(deps.facades));
  mount(
    '/api/v1',
    detectorsRouter(deps.detectors),
    registryRouter(deps.registry),
    configRouter(deps.config),
    breakerRouter(deps.breakers),
    upstreamHealthRouter(deps.upstreamHealth),
    statusRouter(deps.status),
    policyCheckRouter(deps.policyCheck),
    cacheRouter(deps.cache),
    decisionsRouter(deps.decisions),
    auditRouter(deps.audit),
    policiesRouter(deps.policies),
    allowListRouter(deps.allowList),
    shadowRouter(deps.shadows),
    simulationsRouter(deps.simulations),
    batchRouter(deps.orchestrate),
    callbacksRouter(deps.orchestrate),
    uploadRouter(deps.uploads),
    bulkRouter(deps.bulk),
    apiKeysRouter(deps.apiKeys),
    tenantsRouter(deps.tenants),
    authRouter(deps.tokens),
    keysRouter(deps),
    tenantLifecycleRouter(deps),
  );
  app.use(notFound);
  app.use(countRefused);
  app.use(createErrorHandler(deps.log));
  return app;
}
