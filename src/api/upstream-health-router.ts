import { type Request, Router } from 'express';
import { z } from 'zod';
import { GatewayError } from '../contract/errors';
import type {
  EndpointHealthDetail,
  EndpointHealthInfo,
  HealthChecked,
  HealthSummary,
  SystemHealth,
} from '../contract/health-api';
import { isVisibleId } from '../domain/registry';
import type { Breakers } from '../registry/breakers';
import type { HealthChecks } from '../registry/health-checks';
import type { EndpointReport, HealthReport } from '../registry/health-report';
import { needs } from './access';
import { allBreakers, breakerInfo, breakerSummary } from './breaker-views';
import { requireOperable } from './operable';
import { sightOf } from './sight';
import { validate } from './validate';

export interface UpstreamHealthRouterDependencies {
  readonly report: HealthReport;
  readonly checks: Pick<HealthChecks, 'check'>;
  readonly breakers: Breakers;
  /** What all detectors are checked by, in seconds, and how many checks run at a time. */
  readonly config: HealthSummary['config'];
}

const detailQuerySchema = z.strictObject({
  history: z.coerce.number().int().min(0).max(10_000).default(20),
});

/** spec/gateway.md 5: how upstreams are, were, and a check by hand. */
export function upstreamHealthRouter(deps: UpstreamHealthRouterDependencies): Router {
  const { report, breakers } = deps;
  const router = Router();
  const timestamp = () => new Date().toISOString();

  router.get('/health/status', needs('health:read', { reach: 'shared' }), async (request, response) => {
    const summary = await summarized(request);
    const circuit_breaker_summary = breakerSummary(allBreakers(breakers, sightOf(request)));
    response.json({
      system_status: report.systemStatus(
        summary.health_percentage,
        circuit_breaker_summary.health_percentage,
      ),
      timestamp: timestamp(),
      summary,
      circuit_breaker_summary,
    } satisfies SystemHealth);
  });

  router.get('/health/summary', needs('health:read', { reach: 'shared' }), async (request, response) => {
    response.json({ summary: await summarized(request), timestamp: timestamp() });
  });

  router.get('/health/endpoints', needs('health:read', { reach: 'shared' }), async (request, response) => {
    const { endpoints } = await reported(request);
    response.json({
      endpoints: endpoints.map(shown),
      total_count: endpoints.length,
      timestamp: timestamp(),
    });
  });

  router.get('/health/unhealthy', needs('health:read', { reach: 'shared' }), async (request, response) => {
    const { endpoints } = await reported(request);
    const unhealthy = endpoints.filter(({ status }) => status === 'unhealthy').map(shown);
    response.json({ unhealthy_endpoints: unhealthy, count: unhealthy.length, timestamp: timestamp() });
  });

  router.get(
    '/health/endpoints/:endpoint_id',
    needs('health:read', { reach: 'shared', resource: 'endpoint_id' }),
    async (request, response) => {
      const { history: limit } = validate(detailQuerySchema, request.query);
      const found = (await fromStore(report.one(idOf(request), limit))) ?? unknown();
      if (!isVisibleId(found.endpoint.endpointId, sightOf(request))) unknown();
      const breaker = breakers.describe(found.endpoint.endpointId);
      response.json({
        ...shown(found.endpoint),
        circuit_breaker: breaker && breakerInfo(breaker),
        history: found.history.map(({ at, ok, response_ms, error }) => ({
          at: at.toISOString(),
          ok,
          response_time: inSeconds(response_ms),
          error_message: error,
        })),
        trend: found.trend,
      } satisfies EndpointHealthDetail);
    },
  );

  router.post(
    '/health/check/:endpoint_id',
    needs('health:check', { reach: 'shared', resource: 'endpoint_id' }),
    async (request, response) => {
      const endpointId = breakers.resolve(idOf(request)) ?? unknown();
      if (!isVisibleId(endpointId, sightOf(request))) unknown();
      requireOperable(request, endpointId);
      const result = await fromStore(deps.checks.check(endpointId));
      if (!result) throw new GatewayError('CHECK_IN_PROGRESS', 'a check of this upstream is under way');
      response.json({
        success: result.ok,
        message: result.ok ? 'the upstream answers as expected' : 'the upstream does not answer as expected',
        result: { ok: result.ok, response_time: inSeconds(result.response_ms), error_message: result.error },
        timestamp: timestamp(),
      } satisfies HealthChecked);
    },
  );

  const reported = (request: Request) => fromStore(report.all(sightOf(request)));

  async function summarized(request: Request): Promise<HealthSummary> {
    const { endpoints, averageMs } = await reported(request);
    const healthy = endpoints.filter(({ isUsable }) => isUsable).length;
    const checks = endpoints.flatMap(({ lastCheck }) => lastCheck?.getTime() ?? []);
    return {
      total_endpoints: endpoints.length,
      healthy_endpoints: healthy,
      unhealthy_endpoints: endpoints.length - healthy,
      health_percentage:
        endpoints.length === 0 ? 100 : Math.round((healthy / endpoints.length) * 10_000) / 100,
      average_response_time: inSeconds(averageMs),
      last_check_time: checks.length === 0 ? null : new Date(Math.max(...checks)).toISOString(),
      config: deps.config,
    };
  }

  return router;
}

function shown(endpoint: EndpointReport): EndpointHealthInfo {
  return {
    endpoint_id: endpoint.endpointId,
    status: endpoint.status,
    last_check_time: endpoint.lastCheck?.toISOString() ?? null,
    next_check_time: endpoint.nextCheck?.toISOString() ?? null,
    response_time: inSeconds(endpoint.responseTimeMs),
    error_message: endpoint.error,
    consecutive_failures: endpoint.consecutiveFailures,
    consecutive_successes: endpoint.consecutiveSuccesses,
    sla_compliance: endpoint.slaCompliance,
    availability_24h: endpoint.availability,
  };
}

function idOf(request: Request): string {
  return String(request.params['endpoint_id']);
}

function unknown(): never {
  throw new GatewayError('ENDPOINT_NOT_FOUND', 'there is no such upstream');
}

/** History is in the store alone. */
async function fromStore<T>(asked: Promise<T>): Promise<T> {
  return asked.catch(() => {
    throw new GatewayError('STORE_UNAVAILABLE', 'the store does not answer');
  });
}

function inSeconds(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms) / 1000;
}
