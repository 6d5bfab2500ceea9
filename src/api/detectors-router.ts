import { type Request, Router } from 'express';
import { z } from 'zod';
import type { DetectorHealthFields, DetectorInfo, DetectorList } from '../contract/detector-info';
import { detectorEndpointId } from '../contract/endpoint-id';
import { contentTypes, registryStatuses } from '../contract/enums';
import { ConclaveError } from '../contract/errors';
import type { DetectorRegistration } from '../contract/registration';
import type { Breakers } from '../registry/breakers';
import type { HealthMonitor } from '../registry/health-monitor';
import type { Detectors } from '../registry/registry';
import { tenantOf } from './tenant-header';
import { validate } from './validate';

export interface DetectorsRouterDependencies {
  readonly registry: Detectors;
  readonly health: HealthMonitor;
  readonly breakers: Breakers;
}

/** As long as detectors come from a file, all that are there are active. */
const registryStatus = 'active';

const listQuerySchema = z.strictObject({
  content_type: z.enum(contentTypes).optional(),
  detector_type: z.string().max(100).optional(),
  status: z.enum(registryStatuses).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  page_token: z.string().max(100).optional(),
});

/** The detectors that a tenant can use (spec/orchestration.md 1.10, 2.2). Never shows credentials. */
export function detectorsRouter(deps: DetectorsRouterDependencies): Router {
  const router = Router();

  router.get('/detectors', (request, response) => {
    const query = validate(listQuerySchema, request.query);
    const all = visible(request)
      .filter(
        (r) => !query.content_type || r.capabilities.supported_content_types.includes(query.content_type),
      )
      .filter((r) => !query.detector_type || typeOf(r) === query.detector_type)
      .filter(() => !query.status || query.status === registryStatus)
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const rest = query.page_token === undefined ? all : all.filter(({ name }) => name > query.page_token!);
    const page = rest.slice(0, query.limit);
    response.json({
      detectors: page.map(describe),
      total_count: all.length,
      ...(rest.length > page.length ? { next_page_token: page.at(-1)!.name } : {}),
    } satisfies DetectorList);
  });

  router.get('/detectors/:name', (request, response) => {
    response.json(describe(one(request)));
  });

  router.get('/detectors/:name/health', (request, response) => {
    const registration = one(request);
    response.json({ detector: registration.name, ...healthOf(registration) });
  });

  function visible(request: Request): readonly DetectorRegistration[] {
    return deps.registry.visibleTo(tenantOf(request) ?? '');
  }

  function one(request: Request): DetectorRegistration {
    const found = visible(request).find(({ name }) => name === request.params['name']);
    if (found) return found;
    throw new ConclaveError('INVALID_REQUEST', 'there is no such detector', {
      status: 404,
      detail: 'detector_not_found',
    });
  }

  function describe(registration: DetectorRegistration): DetectorInfo {
    const {
      auth_config: _secrets,
      http: _mapping,
      params: _params,
      canary: _canary,
      ...shown
    } = registration;
    return {
      ...shown,
      detector_type: typeOf(registration),
      status: registryStatus,
      ...healthOf(registration),
      created_at: null,
      updated_at: null,
    };
  }

  function healthOf(registration: DetectorRegistration): DetectorHealthFields {
    const { name } = registration;
    const health = deps.health.healthOf(name);
    return {
      health_status: health.status,
      is_healthy: deps.health.isHealthy(name),
      circuit_breaker_state: deps.breakers.stateOf(detectorEndpointId(registration)),
      last_check: health.lastCheck?.toISOString() ?? null,
      response_time_ms: health.responseTimeMs,
      error_message: health.consecutiveFailures > 0 ? 'the last probe failed' : null,
      error_rate: null,
      consecutive_failures: health.consecutiveFailures,
      uptime_percentage: null,
    };
  }

  return router;
}

function typeOf({ detector_type: type, name }: DetectorRegistration): string {
  return type ?? name;
}
