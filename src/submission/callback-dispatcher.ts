import type { PausePoint } from '../config/pause-point';
import type { CallbackDelivery } from '../contract/callback';
import { callbacksTaskQueue } from '../domain/task-queues';
import type { Callbacks } from '../store/callbacks';
import type { Notifications } from '../store/notifications';
import type { callbackDelivery } from '../workflows';
import { searchAttributes } from '../workflows/search-attributes';
import { Dispatcher } from './dispatcher';
import { startUnlessRunning } from './start-unless-running';
import type { TenantClients } from './tenant-clients';

/** Starts a workflow for each callback of a job that has ended. */
export function callbackDispatcher(deps: {
  readonly callbacks: Pick<Callbacks, 'takeDue' | 'handBack'>;
  readonly notifications: Pick<Notifications, 'on'>;
  readonly clients: TenantClients;
  readonly taskQueue: string;
  readonly pause: PausePoint;
  readonly log: { warn(fields: object, message: string): void };
}): Dispatcher<CallbackDelivery> {
  const { callbacks, clients, notifications, log } = deps;
  return new Dispatcher({
    what: 'callbacks',
    after: ['published', 'cancelled', 'bulk', 'callback_due'],
    notifications,
    takeDue: (limit) => callbacks.takeDue(limit),
    handBack: (deliveries) => callbacks.handBack(deliveries.map(({ callback_id }) => callback_id)),
    async begin(delivery) {
      const { callback_id: id, tenant_id: tenantId, replays } = delivery;
      await deps.pause('callback_taken');
      await startUnlessRunning<typeof callbackDelivery>(clients.of(tenantId), 'callbackDelivery', {
        workflowId: replays === 0 ? `callback-${id}` : `callback-${id}-${replays}`,
        taskQueue: callbacksTaskQueue(deps.taskQueue),
        args: [delivery],
        priority: { fairnessKey: tenantId },
        typedSearchAttributes: [
          { key: searchAttributes.kind, value: 'callback' },
          { key: searchAttributes.tenant, value: tenantId },
          { key: searchAttributes.jobId, value: [id] },
        ],
      });
    },
    log,
  });
}
