import { Router } from 'express';
import {
  dependencyNames,
  type DependencyName,
  type DependencyState,
  type HealthResponse,
  type ReadinessResponse,
} from '../contract/health';
import type { Detectors } from '../registry/registry';
import { open } from './access';
import { essential, isReady, isWell, type ReadinessDependencies } from './readiness';

export interface HealthRouterDependencies extends ReadinessDependencies {
  readonly version: string;
  readonly environment: string;
  readonly startedAt: number;
  readonly registry: Detectors;
  readonly pendingJobs: () => Promise<number>;
}

/** spec/orchestration.md 1.12: the verdict of /health is in its body; only readiness answers 503. */
export function healthRouter(deps: HealthRouterDependencies): Router {
  const router = Router();

  router.get('/health/live', open(), (_request, response) => {
    response.json({ status: 'alive', timestamp: new Date().toISOString() });
  });

  router.get('/health/ready', open(), async (_request, response) => {
    const states = await deps.dependencies();
    const up = Object.fromEntries(
      dependencyNames.map((name) => [name, isWell(states[name])]),
    ) as ReadinessResponse['dependencies'];
    const ready = await isReady(deps);
    response.status(ready ? 200 : 503).json({
      status: ready ? 'ready' : 'not_ready',
      timestamp: new Date().toISOString(),
      version: deps.version,
      environment: deps.environment,
      dependencies: up,
      ...detectorCounts(),
      min_detectors_ready: deps.minDetectorsReady,
    } satisfies ReadinessResponse);
  });

  router.get('/health', open(), async (_request, response) => {
    const dependencies = await deps.dependencies();
    // The store may have gone since it was asked; /health answers all the same.
    const pendingJobs = await deps.pendingJobs().catch(() => null);
    response.json({
      status: overall(dependencies),
      timestamp: new Date().toISOString(),
      version: deps.version,
      environment: deps.environment,
      uptime_seconds: Math.round((Date.now() - deps.startedAt) / 1000),
      ...detectorCounts(),
      pending_jobs: pendingJobs,
      dependencies,
    } satisfies HealthResponse);
  });

  function detectorCounts(): { detectors_total: number; detectors_healthy: number } {
    return {
      detectors_total: deps.registry.registrations.length,
      detectors_healthy: deps.health.healthyCount,
    };
  }

  function overall(
    states: Readonly<Record<DependencyName, DependencyState>>,
  ): 'healthy' | 'degraded' | 'unhealthy' {
    const { detectors_total: total, detectors_healthy: healthy } = detectorCounts();
    if (essential.some((name) => states[name] !== 'connected') || healthy === 0) return 'unhealthy';
    const allWell = Object.values(states).every(isWell);
    return allWell && healthy === total ? 'healthy' : 'degraded';
  }

  return router;
}
