import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { ConclaveError } from '../contract/errors';
import type { CacheGenerations } from '../store/cache-generations';
import type { PayloadReader } from '../store/payload-codec';
import type { Logger } from '../telemetry/logger';
import type { Metrics } from '../telemetry/metrics';
import { type AllowListRouterDependencies, allowListRouter } from './allow-list-router';
import { type BatchRouterDependencies, batchRouter } from './batch-router';
import { type BreakerRouterDependencies, breakerRouter } from './breaker-router';
import { cacheRouter } from './cache-router';
import { type BulkRouterDependencies, bulkRouter } from './bulk-router';
import { codecRouter } from './codec-router';
import { type DetectorsRouterDependencies, detectorsRouter } from './detectors-router';
import { type DecisionsRouterDependencies, decisionsRouter } from './decisions-router';
import { docsRouter } from './docs-router';
import { type ConfigRouterDependencies, configRouter } from './config-router';
import { createErrorHandler, notFound } from './error-handler';
import type { FacadeDependencies } from './facades/facade-call';
import { facadesRouter } from './facades';
import { type HealthRouterDependencies, healthRouter } from './health-router';
import { type OrchestrateRouterDependencies, orchestrateRouter } from './orchestrate-router';
import { type PoliciesRouterDependencies, policiesRouter } from './policies-router';
import { type PolicyCheckRouterDependencies, policyCheckRouter } from './policy-check-router';
import { type ProxyRouterDependencies, proxyHandler } from './proxy-router';
import { type RegistryRouterDependencies, registryRouter } from './registry-router';
import { establishContext } from './request-context';
import { expectBodySoon } from './request-time';
import { type RoutesRouterDependencies, routesRouter } from './routes-router';
import { securityHeaders } from './security-headers';
import { type StatusRouterDependencies, statusRouter } from './status-router';
import { type UploadRouterDependencies, uploadRouter } from './upload-router';
import { type UpstreamHealthRouterDependencies, upstreamHealthRouter } from './upstream-health-router';

export interface AppDependencies {
  readonly orchestrate: OrchestrateRouterDependencies & BatchRouterDependencies;
  readonly bulk: BulkRouterDependencies;
  readonly uploads: UploadRouterDependencies;
  readonly facades: FacadeDependencies;
  readonly detectors: DetectorsRouterDependencies;
  readonly registry: RegistryRouterDependencies;
  readonly config: ConfigRouterDependencies;
  readonly decisions: DecisionsRouterDependencies;
  readonly policies: PoliciesRouterDependencies;
  readonly allowList: AllowListRouterDependencies;
  readonly health: HealthRouterDependencies;
  readonly policyCheck: PolicyCheckRouterDependencies;
  readonly breakers: BreakerRouterDependencies;
  readonly upstreamHealth: UpstreamHealthRouterDependencies;
  readonly cache: Pick<CacheGenerations, 'invalidate'>;
  /** Null: no decoding for Temporal Web. */
  readonly codec: { payloads: PayloadReader; token: string; origins: readonly string[] } | null;
  readonly status: StatusRouterDependencies;
  readonly metrics: Pick<Metrics, 'contentType' | 'page'>;
  /** Null: no requests are passed on. */
  readonly gateway: {
    readonly proxy: ProxyRouterDependencies;
    readonly routes: RoutesRouterDependencies;
  } | null;
  readonly log: Logger;
}

/** The facade as an Express application: admission in the order of spec/orchestration.md 2.2, then the routers. */
export function createApp(deps: AppDependencies): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(establishContext);
  app.use(expectBodySoon);
  // TLS ends before us; a page that was served in plain must find its parts in plain.
  app.use(securityHeaders({ contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } } }));
  // First, because it is asked most.
  app.use('/api/v1/orchestrate', refuseUnknownCredentials);
  app.use('/api/v1', orchestrateRouter(deps.orchestrate));
  const health = healthRouter(deps.health);
  app.use('/api/v1', health);
  app.use(health);
  app.use('/api/v1', docsRouter(deps.health.version));
  app.get('/docs', (_request, response) => response.redirect('/api/v1/docs'));
  if (deps.codec) app.use('/api/v1', codecRouter(deps.codec.payloads, deps.codec.token, deps.codec.origins));
  app.get(['/metrics', '/api/v1/metrics'], async (_request, response) => {
    response.type(deps.metrics.contentType).send(await deps.metrics.page());
  });
  if (deps.gateway) {
    // Before whatever reads bodies or credentials: what is passed on is judged there.
    app.use('/api/v1/proxy', proxyHandler(deps.gateway.proxy));
    app.use('/api/v1/router', refuseUnknownCredentials);
    app.use('/api/v1', routesRouter(deps.gateway.routes));
  }
  app.use(facadesRouter(deps.facades));
  app.use(
    '/api/v1',
    refuseUnknownCredentials,
    detectorsRouter(deps.detectors),
    registryRouter(deps.registry),
    configRouter(deps.config),
    breakerRouter(deps.breakers),
    upstreamHealthRouter(deps.upstreamHealth),
    statusRouter(deps.status),
    policyCheckRouter(deps.policyCheck),
    cacheRouter(deps.cache),
    decisionsRouter(deps.decisions),
    policiesRouter(deps.policies),
    allowListRouter(deps.allowList),
    batchRouter(deps.orchestrate),
    uploadRouter(deps.uploads),
    bulkRouter(deps.bulk),
  );
  app.use(notFound);
  app.use(createErrorHandler(deps.log));
  return app;
}

/** There is no authentication yet, so no credential can be known; one that is shown is not quietly ignored. */
function refuseUnknownCredentials(request: Request, _response: Response, next: NextFunction): void {
  if (request.get('x-api-key') === undefined && request.get('authorization') === undefined) next();
  else {
    throw new ConclaveError(
      'UNAUTHORIZED',
      'this credential is unknown: the server runs without authentication (development); leave it out',
      { detail: 'unknown_credential' },
    );
  }
}
