import type { Client } from '@temporalio/client';
import type { NoticeDelivery } from '../contract/notices';
import { callbacksTaskQueue } from '../domain/task-queues';
import type { Notices } from '../store/notices';
import type { Notifications } from '../store/notifications';
import type { noticeDelivery } from '../workflows';
import { searchAttributes } from '../workflows/search-attributes';
import { Dispatcher } from './dispatcher';
import { startUnlessRunning } from './start-unless-running';

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
      startUnlessRunning<typeof noticeDelivery>(client, 'noticeDelivery', {
        workflowId: `notice-${delivery.notice_id}`,
        taskQueue: callbacksTaskQueue(deps.taskQueue),
        args: [delivery],
        typedSearchAttributes: [{ key: searchAttributes.kind, value: 'notice' }],
      }),
    log,
  });
}
