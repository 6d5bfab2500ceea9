import type { BreakerTransition } from './contract/breaker';
import type { Settings } from './contract/config';
import { BreakerSharing } from './registry/breaker-sharing';
import { Breakers } from './registry/breakers';
import type { UpstreamDirectory } from './registry/directory';
import { BreakerStates } from './store/breaker-states';
import type { Db } from './store/database';
import type { Notices } from './store/notices';
import type { Notifications } from './store/notifications';
import type { Logger } from './telemetry/logger';
import type { UpstreamMetrics } from './telemetry/upstream-metrics';

/** The part of the composition root that builds the breakers and keeps them the same in all processes. */
export async function composeBreakers(parts: {
  readonly directory: UpstreamDirectory;
  readonly settings: Settings;
  readonly db: Db;
  readonly notices: Notices;
  readonly notifications: Notifications;
  readonly upstreamMetrics: UpstreamMetrics;
  readonly log: Logger;
}) {
  const { upstreamMetrics: metrics } = parts;
  const breakers = new Breakers(parts.directory, parts.settings.orchestration);
  breakers.on('fallback', (endpointId, strategy) => metrics.fellBack(endpointId, strategy));
  const sharing = new BreakerSharing(
    breakers,
    new BreakerStates(parts.db, parts.notifications, parts.notices),
    (endpointId, transition) => {
      metrics.breakerMoved(endpointId, transition);
      tell(parts.log, endpointId, transition);
    },
    parts.log,
  );
  await sharing.start();
  return { breakers, sharing };
}

function tell(log: Logger, endpointId: string, { from, to, reason }: BreakerTransition): void {
  const level = to === 'open' ? 'warn' : 'info';
  log[level]({ endpoint_id: endpointId, from, to, reason }, 'a circuit breaker has changed its state');
}
