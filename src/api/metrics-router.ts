import { Router } from 'express';
import type { Metrics } from '../telemetry/metrics';
import { needs, open } from './access';

export interface MetricsRouterDependencies {
  readonly page: Pick<Metrics, 'contentType' | 'page'>;
  readonly isPublic: boolean;
}

/** The series of all tenants: for who runs the installation, where they are not public. */
export function metricsRouter({ page, isPublic }: MetricsRouterDependencies): Router {
  const router = Router();
  const access = isPublic ? open() : needs('metrics:read', { reach: 'installation', isUncounted: true });
  router.get(['/metrics', '/api/v1/metrics'], access, async (_request, response) => {
    response.type(page.contentType).send(await page.page());
  });
  return router;
}
