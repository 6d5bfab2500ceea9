import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Express } from 'express';
import helmet from 'helmet';
import { answerErrors, answerNotFound, type MapperLogger } from './answer-error';
import { catalogRoutes } from './catalog-routes';
import { loadKnowledge } from './knowledge';
import { type MapperMode, Mapping } from './mapping';
import { mappingRoutes } from './mapping-routes';
import { createMapperMetrics } from './metrics';
import { probeRoutes } from './probe-routes';
import { RateLimits } from './rate-limit';
import { identifyRequest, recognizeService } from './request-identity';

export interface MapperServiceOptions {
  /** Folder with `taxonomy.yaml`, `frameworks.yaml`, `detectors/` and `schema/`. */
  readonly taxonomyDir: string;
  /** Callers that show it in `X-API-Key` are not rate limited; any other key is then refused. */
  readonly serviceKey?: string;
  /** Requests, or batch items, a minute for each tenant. Default 600. */
  readonly ratePerMinute?: number;
  /** The same for callers without `X-Tenant-ID`, by client address. Default 120. */
  readonly anonymousRatePerMinute?: number;
  /** Default `hybrid`; as no model backend exists yet, rules answer in either mode and only the stated reason differs. */
  readonly mode?: MapperMode;
  /** Refuse payloads that carry content. Default true. */
  readonly rawContentGuard?: boolean;
  /** When requests without `metadata` or `tenant_id` stop being accepted. Default 2027-06-30. */
  readonly legacyRequestSunset?: Date;
  readonly logger?: MapperLogger;
}

export interface MapperService {
  readonly app: Express;
  /** Port 0 picks a free one. Loopback unless told otherwise: callers are not authenticated yet. */
  listen(port: number, host?: string): Promise<AddressInfo>;
  /** Stops accepting, lets answers in progress leave, then resolves. */
  close(): Promise<void>;
}

/**
 * Builds the mapper service (spec/mapper.md 2).
 *
 * @throws KnowledgeError listing every fault when the data folder is not usable
 */
export function createMapperService(options: MapperServiceOptions): MapperService {
  const { mode = 'hybrid', logger } = options;
  const knowledge = loadKnowledge(options.taxonomyDir);
  const metrics = createMapperMetrics();
  const limits = new RateLimits(
    { perTenant: options.ratePerMinute ?? 600, perAddress: options.anonymousRatePerMinute ?? 120 },
    metrics,
  );
  const mapping = new Mapping({
    knowledge,
    metrics,
    mode,
    rawContentGuard: options.rawContentGuard ?? true,
  });
  const legacyRequestSunset = options.legacyRequestSunset ?? new Date('2027-06-30T00:00:00Z');
  let server: Server | undefined;
  let closing = false;

  const app = express();
  app.disable('etag').set('query parser', 'simple');
  app.use(
    helmet({ contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"] } } }),
    identifyRequest,
  );
  app.use(probeRoutes({ knowledge, metrics, mode, isReady: () => !closing }));
  app.use(recognizeService(options.serviceKey));
  app.use(mappingRoutes({ mapping, knowledge, metrics, limits, legacyRequestSunset }));
  app.use(catalogRoutes(knowledge, limits));
  app.use(answerNotFound, answerErrors(metrics, logger));

  return {
    app,
    async listen(port, host = '127.0.0.1') {
      server = app.listen(port, host);
      // Longer than any caller keeps an idle connection, so that no request meets a closing one.
      server.keepAliveTimeout = 65_000;
      server.requestTimeout = 10_000;
      await once(server, 'listening');
      const address = server.address() as AddressInfo;
      logger?.info(
        { host: address.address, port: address.port, taxonomy: knowledge.taxonomy.version },
        'mapper.listening',
      );
      return address;
    },
    async close() {
      closing = true;
      if (server === undefined) return;
      const closed = once(server, 'close');
      server.close();
      await closed;
      server = undefined;
    },
  };
}
