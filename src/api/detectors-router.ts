import { type Request, Router } from 'express';
import { z } from 'zod';
import { contentTypes } from '../contract/enums';
import { ConclaveError } from '../contract/errors';
import type { DetectorRegistration } from '../contract/registration';
import { tenantPattern } from '../contract/text';
import type { Breakers } from '../registry/breakers';
import type { HealthMonitor } from '../registry/health-monitor';
import type { DetectorRegistry } from '../registry/registry';
import { validate } from './validate';

export interface DetectorsRouterDependencies {
  readonly registry: DetectorRegistry;
  readonly health: HealthMonitor;
  readonly breakers: Breakers;
}

const listQuerySchema = z.strictObject({
  content_type: z.enum(contentTypes).optional(),
  detector_type: z.string().max(100).optional(),
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
      .filter((r) => !query.detector_type || r.detector_type === query.detector_type)
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const rest = query.page_token === undefined ? all : all.filter(({ name }) => name > query.page_token!);
    const page = rest.slice(0, query.limit);
    response.json({
      detectors: page.map(describe),
      total_count: all.length,
      ...(rest.length > page.length ? { next_page_token: page.at(-1)!.name } : {}),
    });
  });

  router.get('/detectors/:name', (request, response) => {
    response.json(describe(one(request)));
  });

  router.get('/detectors/:name/health', (request, response) => {
    const registration = one(request);
    response.json({ detector: registration.name, ...healthOf(registration) });
  });

  function visible(request: Request): readonly DetectorRegistration[] {
    const tenant = request.get('x-tenant-id');
    return deps.registry.visibleTo(tenant !== undefined && tenantPattern.test(tenant) ? tenant : '');
  }

  function one(request: Request): DetectorRegistration {
    const found = visible(request).find(({ name }) => name === request.params['name']);
    if (found) return found;
    throw new ConclaveError('INVALID_REQUEST', 'there is no such detector', {
      status: 404,
      detail: 'detector_not_found',
    });
  }

  function describe(registration: DetectorRegistration): object {
    const { auth_config: _secrets, http: _mapping, params: _params, ...shown } = registration;
    return {
      ...shown,
      detector_type: registration.detector_type ?? registration.name,
      status: 'active',
      ...healthOf(registration),
    };
  }

  function healthOf({ name, version }: DetectorRegistration): object {
    const health = deps.health.healthOf(name);
    return {
      health_status: health.status,
      is_healthy: deps.health.isHealthy(name),
      circuit_breaker_state: deps.breakers.of(name, version).state,
      last_check: health.lastCheck?.toISOString() ?? null,
      response_time_ms: health.responseTimeMs,
      consecutive_failures: health.consecutiveFailures,
    };
  }

  return router;
}
