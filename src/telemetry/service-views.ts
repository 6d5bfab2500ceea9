import { dependencyNames, type DependencyName, type DependencyState } from '../contract/health';
import { redisUsers } from '../contract/service-metrics';
import type { Metrics } from './metrics';

export interface ServiceViews {
  readonly ready: () => Promise<boolean>;
  readonly dependencies: () => Promise<Readonly<Record<DependencyName, DependencyState>>>;
  /** @throws while the store is away */
  readonly jobs: () => Promise<{ readonly open: number; readonly waiting: number }>;
}

/** How the service stands, as the process that is asked sees it. */
export function showService(metrics: Metrics, views: ServiceViews): void {
  metrics.gauge('orchestrator_ready', '1: this process takes requests', [], async () => [
    [{}, (await views.ready()) ? 1 : 0],
  ]);
  metrics.gauge(
    'orchestrator_service_dependencies_up',
    '1: it answers; what is not configured is left out',
    ['dependency'],
    async () => {
      const states = await views.dependencies();
      return dependencyNames
        .filter((dependency) => states[dependency] !== 'not_configured')
        .map((dependency) => [{ dependency }, states[dependency] === 'connected' ? 1 : 0] as const);
    },
  );
  // What the store cannot tell now is not shown, and the rest of the page is.
  const jobs = oncePerSecond(() => views.jobs().catch(() => null));
  metrics.gauge('orchestrator_async_jobs_active', 'Jobs that run', [], async () => {
    const now = await jobs();
    return now ? [[{}, now.open - now.waiting]] : [];
  });
  metrics.gauge('orchestrator_async_jobs_queued', 'Jobs that wait for their turn', [], async () => {
    const now = await jobs();
    return now ? [[{}, now.waiting]] : [];
  });
}

/** Whether Redis answers those that use it. */
export function showRedis(metrics: Metrics, guard: { readonly isAway: boolean }): void {
  metrics.gauge('orchestrator_redis_backend_up', '1: Redis is asked', ['component'], () =>
    redisUsers.map((component) => [{ component }, guard.isAway ? 0 : 1] as const),
  );
}

function oncePerSecond<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: { readonly at: number; readonly answer: Promise<T> } | null = null;
  return () => {
    if (!asked || Date.now() - asked.at > 1000) asked = { at: Date.now(), answer: ask() };
    return asked.answer;
  };
}
