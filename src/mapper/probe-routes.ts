import { Router } from 'express';
import type { Knowledge } from './knowledge';
import type { MapperMode } from './mapping';
import type { MapperMetrics } from './metrics';

export interface ProbeDeps {
  readonly knowledge: Knowledge;
  readonly metrics: MapperMetrics;
  readonly mode: MapperMode;
  /** False while the service shuts down. */
  readonly isReady: () => boolean;
}

/** Health and metrics, with and without the prefix. Without a model backend a `hybrid` mapper is degraded, yet ready. */
export function probeRoutes({ knowledge, metrics, mode, isReady }: ProbeDeps): Router {
  const router = Router();
  const status = mode === 'rules_only' ? 'healthy' : 'degraded';
  const loaded = {
    taxonomy: knowledge.taxonomy.version,
    frameworks: knowledge.frameworks.version,
    model: 'none',
    detectors: knowledge.detectors.length,
  };

  router.get(['/health', '/api/v1/health'], (_request, response) => {
    response.json({
      status,
      timestamp: new Date().toISOString(),
      uptime_seconds: Math.floor(process.uptime()),
      mode,
      loaded,
    });
  });

  router.get(['/health/ready', '/api/v1/health/ready'], (_request, response) => {
    const ready = isReady();
    response.status(ready ? 200 : 503).json({
      status: ready ? 'ready' : 'not_ready',
      state: status,
      timestamp: new Date().toISOString(),
      dependencies: { rules: 'connected', model: 'not_configured' },
    });
  });

  router.get(['/metrics', '/api/v1/metrics'], async (_request, response) => {
    response.type(metrics.registry.contentType).send(await metrics.registry.metrics());
  });

  return router;
}
