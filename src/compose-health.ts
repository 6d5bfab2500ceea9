import type { Client } from '@temporalio/client';
import { createHealthActivities } from './activities/watch-health';
import { Webhooks } from './activities/webhooks';
import type { Settings } from './contract/config';
import type { CredentialVerdicts } from './detectors/credential-verdicts';
import { HealthProbe } from './detectors/upstream-probe';
import type { Outbound } from './outbound/outbound';
import { signedPost } from './outbound/signed-post';
import type { BreakerSharing } from './registry/breaker-sharing';
import type { Breakers } from './registry/breakers';
import type { UpstreamDirectory } from './registry/directory';
import { HealthChecks } from './registry/health-checks';
import { HealthMonitor } from './registry/health-monitor';
import { HealthReport } from './registry/health-report';
import type { LiveRegistry } from './registry/live-registry';
import type { Db } from './store/database';
import { HealthEvents } from './store/health-events';
import { HealthStates } from './store/health-states';
import type { Notices } from './store/notices';
import type { Notifications } from './store/notifications';
import { HealthGateway } from './submission/health-gateway';
import type { Logger } from './telemetry/logger';
import type { UpstreamMetrics } from './telemetry/upstream-metrics';

/** The part of the composition root that watches the health of upstreams. Detectors that are well can be used when it returns. */
export async function composeHealth(parts: {
  readonly upstreams: {
    readonly registry: UpstreamDirectory & Pick<LiveRegistry, 'beforeChange'>;
    introduceBy(introduce: HealthChecks['introduce']): void;
  };
  readonly breakers: Breakers;
  readonly settings: Settings;
  readonly db: Db;
  readonly notices: Notices;
  readonly notifications: Notifications;
  readonly outbound: Outbound;
  readonly sharing: BreakerSharing;
  readonly http: { readonly credentials: CredentialVerdicts };
  readonly upstreamMetrics: UpstreamMetrics;
  readonly log: Logger;
}) {
  const { upstreams, breakers, settings, log } = parts;
  const directory = upstreams.registry;
  const health = new HealthMonitor(directory, breakers, settings.orchestration);
  const states = new HealthStates(parts.db, parts.notifications, parts.notices);
  const prober = new HealthProbe(
    parts.outbound,
    settings.orchestration.health_probe_timeout_ms,
    parts.http.credentials,
  );
  const checks = new HealthChecks({
    directory,
    monitor: health,
    breakers,
    store: states,
    probe: prober.probe,
    concurrency: settings.orchestration.health_check_concurrency,
    now: Date.now,
    random: Math.random,
    made: ({ upstream, result, ...change }) =>
      parts.upstreamMetrics.checked({
        endpointId: upstream.endpoint_id,
        detector: upstream.detector?.name ?? null,
        ok: result.ok,
        responseMs: result.response_ms,
        ...change,
      }),
    log,
  });
  const { webhook_secret: secret } = settings.security;
  const webhooks = new Webhooks({
    outbox: new HealthEvents(parts.db),
    post: secret === null ? null : signedPost(secret, parts.outbound.pools),
    log,
  });
  let gateway: HealthGateway | null = null;
  await checks.start();
  upstreams.introduceBy((detectors) => checks.introduce(detectors));
  directory.beforeChange(() => checks.learn());
  return {
    health,
    checks,
    tryOut: prober.tryOut,
    routes: {
      breakers: { breakers, sharing: parts.sharing },
      upstreamHealth: {
        breakers,
        report: new HealthReport(directory, health, states),
        checks,
        config: {
          detector_interval: settings.orchestration.health_check_interval_seconds,
          detector_timeout: settings.orchestration.health_probe_timeout_ms / 1000,
          concurrency: settings.orchestration.health_check_concurrency,
        },
      },
    },
    activities: createHealthActivities([checks, webhooks]),
    /** Of the processes that serve the monitor. */
    keepRunning(client: Client) {
      gateway = new HealthGateway(client, settings.workflow.task_queue, log);
      gateway.start();
    },
    async stop() {
      gateway?.stop();
      await checks.stop();
    },
  };
}
