import type { Client } from '@temporalio/client';
import { createNoticeActivities } from './activities/deliver-notice';
import type { Counting } from './compose-metrics';
import type { PausePoint } from './config/pause-point';
import type { Settings } from './contract/config';
import { MailNotifier } from './outbound/mail-notifier';
import type { Outbound } from './outbound/outbound';
import { type SecretRead, Secrets } from './outbound/secrets';
import { signedPost } from './outbound/signed-post';
import { WebhookNotifier } from './outbound/webhook-notifier';
import type { Notices } from './store/notices';
import type { Notifications } from './store/notifications';
import { noticeDispatcher } from './submission/notice-dispatcher';
import type { Logger } from './telemetry/logger';

/** The part of the composition root that tells operators what has happened. */
export function composeNotices(parts: {
  readonly settings: Settings;
  readonly notices: Notices;
  readonly notifications: Notifications;
  readonly outbound: Outbound;
  readonly counting: Pick<Counting, 'notified'>;
  readonly secretRead: (read: SecretRead) => void;
  readonly pause: PausePoint;
  readonly log: Logger;
}) {
  const { settings, notices, log } = parts;
  const { smtp, retry_seconds: retrySeconds } = settings.notifications;
  const { webhook_secret: secret } = settings.security;
  return {
    activities: createNoticeActivities({
      notices,
      notifiers: {
        email: smtp && new MailNotifier(smtp, Secrets.of(process.env, [], parts.secretRead)),
        webhook: new WebhookNotifier(secret === null ? null : signedPost(secret, parts.outbound.pools)),
      },
      environment: settings.service.environment,
      retrySeconds,
      random: Math.random,
      told: parts.counting.notified,
      pause: parts.pause,
      log,
    }),
    dispatcherOf: (client: Client) =>
      noticeDispatcher({ ...parts, client, taskQueue: settings.workflow.task_queue }),
  };
}
