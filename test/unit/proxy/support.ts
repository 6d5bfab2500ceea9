import { createServer } from 'node:http';
import express from 'express';
import { pino } from 'pino';
import { getGlobalDispatcher } from 'undici';
import { createErrorHandler, notFound } from '../../../src/api/error-handler';
import { Firewall } from '../../../src/api/firewall';
import { Gate } from '../../../src/api/gate';
import { RateLimit } from '../../../src/api/rate-limit';
import { CountsInMemory } from '../../../src/store/rate-counts';
import { UnderWayInMemory } from '../../../src/store/under-way';
import { proxyHandler } from '../../../src/api/proxy-router';
import { establishContext } from '../../../src/api/request-context';
import { expectBodySoon } from '../../../src/api/request-time';
import { routesRouter } from '../../../src/api/routes-router';
import { HealthProbe } from '../../../src/detectors/upstream-probe';
import { Outbound } from '../../../src/outbound/outbound';
import { Secrets } from '../../../src/outbound/secrets';
import { routing } from '../../../src/proxy/match';
import { Proxy } from '../../../src/proxy/proxy';
import { Breakers } from '../../../src/registry/breakers';
import { GatewayMetrics } from '../../../src/telemetry/gateway-metrics';
import { Metrics } from '../../../src/telemetry/metrics';
import { MemoryDirectory } from '../../support/memory-directory';
import { listening, MockUpstream } from '../../support/mock-upstream';

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
  readonly json: Record<string, unknown>;
}

const constants = {
  circuit_breaker_failure_threshold: 5,
  circuit_breaker_recovery_timeout_seconds: 60,
  half_open_test_requests: 3,
};

/** A gateway and an upstream behind it, for one test file. */
export function gateway() {
  const upstream = new MockUpstream();
  const directory = new MemoryDirectory();
  const clock = { now: Date.now() };
  const outbound = new Outbound(
    { hosts: null, privateHosts: [], privateNetworks: true, ownUrls: [] },
    { secrets: new Secrets({ env: async (name) => name.toLowerCase() }) },
  );
  const breakers = new Breakers(directory, constants, () => clock.now);
  const unhealthy = new Set<string>();
  const health = { isUnhealthy: (id: string) => unhealthy.has(id) };
  const metrics = new Metrics();
  const gatewayMetrics = new GatewayMetrics(metrics);
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(line) });
  const isRouted = routing({ detectors: false });
  const proxy = new Proxy({
    directory,
    isRouted,
    breakers,
    health,
    outbound,
    maxConnectionsPerUpstream: 100,
    now: () => clock.now,
  });
  let refreshed = 0;
  const app = express();
  app.disable('x-powered-by').use(establishContext, expectBodySoon);
  app.locals['gate'] = new Gate({
    tenants: { isActive: () => true, isDeleted: () => false, requireActive: () => undefined },
    authenticate: null,
    clientKey: 'conclave',
    decided: () => undefined,
    operated: () => Promise.resolve(),
  });
  app.locals['firewall'] = new Firewall({ mode: 'block', monitoredTenants: [], noticed: () => undefined });
  app.locals['rateLimit'] = new RateLimit({
    counts: new CountsInMemory(),
    underWay: new UnderWayInMemory(),
    perMinute: 1000,
  });
  app.use(
    '/api/v1/proxy',
    proxyHandler({ proxy, directory, isRouted, metrics: gatewayMetrics, log, corsOrigins: '*' }),
  );
  app.use(
    '/api/v1',
    routesRouter({
      directory,
      isRouted,
      health,
      breakers,
      tryOut: new HealthProbe(outbound, 2000, { note: () => undefined }).tryOut,
      refusalOf: (url, allow) => outbound.refusalOf(url, allow),
      refresh: async () => void refreshed++,
    }),
  );
  app.use(notFound, createErrorHandler(log));
  const server = createServer(app);
  const address = { url: '' };

  beforeAll(async () => {
    await upstream.listen();
    address.url = await listening(server);
  });
  beforeEach(() => {
    upstream.reset();
    directory.clear();
    unhealthy.clear();
    lines.splice(0);
  });
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    upstream.close();
    await outbound.close();
  });

  async function send(
    path: string,
    options: {
      method?: string;
      headers?: Record<string, string | string[]> | string[];
      body?: string | Buffer;
    } = {},
  ): Promise<Answer> {
    // Not by a URL, which would be put in order first.
    const response = await getGlobalDispatcher().request({
      origin: address.url,
      path: `/api/v1${path}`,
      method: options.method ?? 'GET',
      headers: options.headers ?? {},
      body: options.body ?? null,
    });
    const text = await response.body.text();
    return {
      status: response.statusCode,
      headers: response.headers,
      text,
      get json() {
        return JSON.parse(text) as Record<string, unknown>;
      },
    };
  }

  return {
    upstream,
    directory,
    breakers,
    unhealthy,
    metrics,
    lines,
    clock,
    outbound,
    address,
    send,
    refreshed: () => refreshed,
  };
}
