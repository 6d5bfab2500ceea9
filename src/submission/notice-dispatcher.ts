import { type Client, WorkflowIdConflictPolicy, WorkflowIdReusePolicy } from '@temporalio/client';
import type { NoticeDelivery } from '../contract/notices';
import { callbacksTaskQueue } from '../domain/task-queues';
import type { Notices } from '../store/notices';
import type { Notifications } from '../store/notifications';
import type { noticeDelivery } from '../workflows';
import { searchAttributes } from '../workflows/search-attributes';
import { Dispatcher } from './dispatcher';

const startMs = 5000;

/** Starts a workflow for each notice whose time has come. */
export function noticeDispatcher(deps: {
  readonly notices: Pick<Notices, 'takeDue' | 'handBack'>;
  readonly notifications: Pick<Notifications, 'on'>;
  readonly client: Client;
  readonly taskQueue: string;
  readonly log: { warn(fields: object, message: string): void };
}): Dispatcher<NoticeDelivery> {
  const { notices, client, notifications, log } = deps;
  return new Dispatcher({
    what: 'notices',
    after: ['notice_due'],
    notifications,
    takeDue: (limit) => notices.takeDue(limit),
    handBack: (deliveries) => notices.handBack(deliveries),
    begin: (delivery) =>
      client.connection.withDeadline(Date.now() + startMs, () =>
        client.workflow.start<typeof noticeDelivery>('noticeDelivery', {
          workflowId: `notice-${delivery.notice_id}`,
          taskQueue: callbacksTaskQueue(deps.taskQueue),
          args: [delivery],
          workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
          workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
          typedSearchAttributes: [{ key: searchAttributes.kind, value: 'notice' }],
        }),
      ),
    log,
  });
}
