import { type Request, type Response, Router } from 'express';
import { z } from 'zod';
import type { DetectorHealthFields, DetectorInfo, DetectorList } from '../contract/detector-info';
import { detectorEndpointId } from '../contract/endpoint-id';
import { contentTypes, registryStatuses } from '../contract/enums';
import type { DetectorRegistration } from '../contract/registration';
import type { RegistryEntry } from '../contract/registry-entry';
import { detectorTestSchema, trafficSchema } from '../contract/registry-api';
import type { Upstream } from '../contract/upstream';
import type { Breakers } from '../registry/breakers';
import type { UpstreamDirectory } from '../registry/directory';
import type { HealthMonitor } from '../registry/health-monitor';
import { notFound, type Registrar } from '../registry/registrar';
import {
  byNameAndVersion,
  detectorKey,
  detectorNamed,
  type DetectorUpstream,
  visibleDetectors,
} from '../registry/visible-detectors';
import { needs } from './access';
import { detectorIn } from './detector-writes';
import { bodyOf, readBody } from './json-body';
import { once } from './once';
import { pageOf } from './pages';
import { contextOf } from './request-context';
import { tenantOf } from './tenant-header';
import { validate } from './validate';

/** What a detector said to a sample. */
export interface DetectorTry {
  readonly result: {
    readonly output: string | null;
    readonly confidence: number | null;
    readonly processing_time_ms: number;
  } | null;
  readonly reason: string | null;
}

export interface DetectorsRouterDependencies {
  readonly directory: Pick<UpstreamDirectory, 'upstreams'>;
  readonly health: HealthMonitor;
  readonly breakers: Breakers;
  readonly registrar: Pick<
    Registrar,
    'registerDetector' | 'replaceDetector' | 'removeDetector' | 'splitTraffic' | 'heartbeat'
  >;
  /** What was registered, as everybody will see it. */
  readonly upstreamOf: (entry: RegistryEntry) => Upstream;
  /** Has a detector judge a content, or its known-bad sample. */
  readonly tryDetector: (
    registration: DetectorRegistration,
    content: string | undefined,
  ) => Promise<DetectorTry>;
}

const maxBodyBytes = 256 * 1024;
const listQuerySchema = z.strictObject({
  content_type: z.enum(contentTypes).optional(),
  detector_type: z.string().max(100).optional(),
  status: z.enum(registryStatuses).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  page_token: z.string().max(300).optional(),
});

/** The detectors of a tenant: read, registered, changed, removed (spec/orchestration.md 1.10, 2.2). Never shows credentials. */
export function detectorsRouter(deps: DetectorsRouterDependencies): Router {
  const router = Router();
  const body = readBody(maxBodyBytes);

  router.get('/detectors', needs('registry:read'), (request, response) => {
    const query = validate(listQuerySchema, request.query);
    const all = visible(request)
      .filter(
        ({ detector: { capabilities } }) =>
          !query.content_type || capabilities.supported_content_types.includes(query.content_type),
      )
      .filter(({ detector }) => !query.detector_type || typeOf(detector) === query.detector_type)
      .filter((upstream) => !query.status || query.status === statusOf(upstream));
    const { items, ...rest } = pageOf(all, query, detectorKey, byNameAndVersion);
    response.json({
      detectors: items.map(describe),
      total_count: all.length,
      ...rest,
    } satisfies DetectorList);
  });

  router.get('/detectors/:name', needs('registry:read'), (request, response) => {
    response.json(describe(one(request)));
  });

  router.get('/detectors/:name/health', needs('registry:read'), (request, response) => {
    const { detector } = one(request);
    response.json({ detector: detector.name, ...healthOf(detector) });
  });

  router.post('/detectors', needs('registry:write'), ...body, once(), async (request, response) => {
    const { verify, ...detector } = detectorIn(request);
    const entry = await deps.registrar.registerDetector(detector, verify, contextOf(response));
    response
      .status(201)
      .location(`/api/v1/detectors/${entry.endpoint_id.replace(/^.*:/, '')}`)
      .json(describe(registered(entry)));
  });

  router.put('/detectors/:name', needs('registry:write'), ...body, once(), async (request, response) => {
    const { endpoint_id: id, detector } = mine(request);
    const { registration, verify } = detectorIn(request, { name: detector.name, version: detector.version });
    const entry = await deps.registrar.replaceDetector(id, registration, verify, contextOf(response));
    response.json(describe(registered(entry)));
  });

  router.delete('/detectors/:name', needs('registry:write'), once(), async (request, response: Response) => {
    await deps.registrar.removeDetector(mine(request).endpoint_id, contextOf(response));
    response.status(204).end();
  });

  router.put(
    '/detectors/:name/traffic',
    needs('registry:write'),
    ...body,
    once(trafficSchema),
    async (request, response) => {
      const { versions } = bodyOf(request, trafficSchema);
      const { detector } = mine(request);
      const split = await deps.registrar.splitTraffic(
        detector.name,
        detector.tenant_id ?? null,
        versions,
        contextOf(response),
      );
      const shares: Record<string, number> = {};
      for (const entry of split) shares[entry.detector!.version] = entry.traffic_percent;
      response.json({ name: detector.name, versions: shares });
    },
  );

  router.post(
    '/detectors/:name/heartbeat',
    needs('registry:write', { leaves: 'nothing' }),
    once(),
    async (request, response) => {
      await deps.registrar.heartbeat(mine(request).endpoint_id);
      response.status(204).end();
    },
  );

  router.post('/detectors/:name/test', needs('registry:write'), ...body, async (request, response) => {
    const { content } = bodyOf(request, detectorTestSchema, ['content']);
    const { detector } = one(request);
    const { result, reason } = await deps.tryDetector(detector, content);
    response.json({
      detector: detector.name,
      version: detector.version,
      ok: reason === null,
      reason,
      output: result?.output ?? null,
      confidence: result?.confidence ?? null,
      processing_time_ms: result?.processing_time_ms ?? null,
    });
  });

  function visible(request: Request): readonly DetectorUpstream[] {
    return visibleDetectors(deps.directory.upstreams, tenantOf(request));
  }

  function one(request: Request): DetectorUpstream {
    const found = detectorNamed(visible(request), String(request.params['name']));
    if (!found) throw notFound();
    return found;
  }

  /** One that the caller may change: shared ones are for who names no tenant. */
  function mine(request: Request): DetectorUpstream {
    const found = one(request);
    if (tenantOf(request) !== null && found.detector.tenant_scope === 'shared') throw notFound();
    return found;
  }

  /** In a change that is not committed yet nobody else sees it. */
  function registered(entry: RegistryEntry): DetectorUpstream {
    return deps.upstreamOf(entry) as DetectorUpstream;
  }

  function describe(upstream: DetectorUpstream): DetectorInfo {
    const {
      auth_config: _secrets,
      http: _mapping,
      params: _params,
      canary: _canary,
      ...shown
    } = upstream.detector;
    return {
      ...shown,
      detector_type: typeOf(shown),
      status: statusOf(upstream),
      source: upstream.source,
      ...healthOf(upstream.detector),
      created_at: upstream.registration_time,
      updated_at: upstream.updated_at,
    };
  }

  function healthOf(registration: DetectorRegistration): DetectorHealthFields {
    const endpointId = detectorEndpointId(registration);
    const health = deps.health.healthOf(endpointId);
    return {
      health_status: health.status,
      is_healthy: deps.health.isHealthy(endpointId),
      circuit_breaker_state: deps.breakers.stateOf(endpointId),
      last_check: health.lastCheck?.toISOString() ?? null,
      response_time_ms: health.responseTimeMs,
      error_message: health.error,
      error_rate: null,
      consecutive_failures: health.consecutiveFailures,
      uptime_percentage: null,
    };
  }

  return router;
}

function typeOf({ detector_type: type, name }: Pick<DetectorRegistration, 'detector_type' | 'name'>): string {
  return type ?? name;
}

function statusOf({ status }: Upstream): DetectorInfo['status'] {
  return status === 'active' ? 'active' : 'inactive';
}
