import { Router } from 'express';
import type { DependencyName, DependencyState } from '../contract/health';
import type { StatusResponse } from '../contract/status-api';
import { isWithin, type Sight } from '../domain/registry';
import type { StatusReport } from '../registry/status-report';
import { needs } from './access';
import { sightOf } from './sight';

export interface StatusRouterDependencies {
  readonly version: string;
  readonly environment: string;
  readonly startedAt: number;
  readonly dependencies: () => Promise<Readonly<Record<DependencyName, DependencyState>>>;
  readonly report: Pick<StatusReport, 'of'>;
  readonly bundles: () => readonly {
    readonly tenantId: string;
    readonly name: string;
    readonly version: string;
  }[];
  readonly jobs: () => Promise<{ readonly open: number; readonly waiting: number }>;
}

/** GET /status: what an operator asks first, in one answer (spec/orchestration.md 2.2). */
export function statusRouter(deps: StatusRouterDependencies): Router {
  const router = Router();

  router.get('/status', needs('metrics:read', { reach: 'shared' }), async (request, response) => {
    const sight = sightOf(request);
    const [dependencies, jobs, report] = await Promise.all([
      deps.dependencies(),
      deps.jobs().catch(() => null),
      deps.report.of(sight),
    ]);
    const { registry, circuit_breakers, detectors, recommendations } = report;
    response.json({
      timestamp: new Date().toISOString(),
      version: deps.version,
      environment: deps.environment,
      uptime_seconds: Math.round((Date.now() - deps.startedAt) / 1000),
      components: { dependencies, registry, circuit_breakers, policies: { bundles: bundlesOf(sight) } },
      queue: jobs && {
        open_jobs: jobs.open,
        waiting_jobs: jobs.waiting,
        running_jobs: Math.max(0, jobs.open - jobs.waiting),
      },
      detectors,
      recommendations,
    } satisfies StatusResponse);
  });

  function bundlesOf(sight: Sight): Record<string, string> {
    return Object.fromEntries(
      deps
        .bundles()
        .filter(({ tenantId }) => isWithin(tenantId, sight))
        .map(({ tenantId, name, version }) => [`${tenantId}/${name}`, version]),
    );
  }

  return router;
}
