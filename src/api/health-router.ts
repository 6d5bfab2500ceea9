import { Router } from 'express';
import type { HealthMonitor } from '../registry/health-monitor';
import type { DetectorRegistry } from '../registry/registry';

export type DependencyState = 'connected' | 'disconnected' | 'error' | 'not_configured';

export interface HealthRouterDependencies {
  readonly version: string;
  readonly environment: string;
  readonly startedAt: number;
  readonly minDetectorsReady: number;
  readonly registry: DetectorRegistry;
  readonly health: HealthMonitor;
  /** False once the process has begun to drain. */
  readonly accepting: () => boolean;
  readonly pendingJobs: () => Promise<number>;
  readonly dependencies: () => Promise<Readonly<Record<DependencyName, DependencyState>>>;
}

export const dependencyNames = ['workflow_engine', 'store', 'cache', 'policy_engine', 'mapper'] as const;
export type DependencyName = (typeof dependencyNames)[number];

/** Without these nothing can be accepted. */
const essential: readonly DependencyName[] = ['workflow_engine', 'store'];

/** spec/orchestration.md 1.12: the verdict of /health is in its body; only readiness answers 503. */
export function healthRouter(deps: HealthRouterDependencies): Router {
  const router = Router();

  router.get('/health/live', (_request, response) => {
    response.json({ status: 'alive', timestamp: new Date().toISOString() });
  });

  router.get('/health/ready', async (_request, response) => {
    const states = await deps.dependencies();
    const up = Object.fromEntries(
      Object.entries(states).map(([name, state]) => [
        name,
        state === 'connected' || state === 'not_configured',
      ]),
    );
    const ready =
      deps.accepting() &&
      essential.every((name) => up[name]) &&
      deps.health.healthyCount >= deps.minDetectorsReady;
    response.status(ready ? 200 : 503).json({
      status: ready ? 'ready' : 'not_ready',
      timestamp: new Date().toISOString(),
      version: deps.version,
      environment: deps.environment,
      dependencies: up,
      ...detectorCounts(),
      min_detectors_ready: deps.minDetectorsReady,
    });
  });

  router.get('/health', async (_request, response) => {
    const dependencies = await deps.dependencies();
    const pendingJobs = dependencies.store === 'connected' ? await deps.pendingJobs() : 0;
    response.json({
      status: overall(dependencies),
      timestamp: new Date().toISOString(),
      version: deps.version,
      environment: deps.environment,
      uptime_seconds: Math.round((Date.now() - deps.startedAt) / 1000),
      ...detectorCounts(),
      pending_jobs: pendingJobs,
      dependencies,
    });
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
    const allWell = Object.values(states).every(
      (state) => state === 'connected' || state === 'not_configured',
    );
    return allWell && healthy === total ? 'healthy' : 'degraded';
  }

  return router;
}
