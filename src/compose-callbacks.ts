import { createCallbackActivities } from './activities/call-back';
import type { Counting } from './compose-metrics';
import { composeNotices } from './compose-notices';
import type { PausePoint } from './config/pause-point';
import type { BulkJobCallback, JobCallback } from './contract/callback';
import type { Settings } from './contract/config';
import { CallbackSender } from './outbound/callback-sender';
import type { Outbound } from './outbound/outbound';
import { type SecretRead, Secrets } from './outbound/secrets';
import type { LiveTenants } from './security/live-tenants';
import type { BulkJobs } from './store/bulk-jobs';
import { Callbacks } from './store/callbacks';
import type { Db } from './store/database';
import type { KeyRing } from './store/key-ring';
import type { Notices } from './store/notices';
import type { Notifications } from './store/notifications';
import type { Orchestrations } from './store/orchestrations';
import { callbackDispatcher } from './submission/callback-dispatcher';
import type { Dispatcher } from './submission/dispatcher';
import { bulkStatusOf } from './submission/bulk-status';
import { statusOf } from './submission/job-status';
import type { TenantClients } from './submission/tenant-clients';
import type { Logger } from './telemetry/logger';

/** What is larger goes without its result: receivers bound what they read. */
const maxBodyBytes = 256 * 1024;

/** The part of the composition root that calls back when jobs have ended, and tells operators what has happened. */
export function composeCallbacks(parts: {
  readonly settings: Settings;
  readonly db: Db;
  readonly keys: KeyRing;
  readonly notifications: Notifications;
  readonly orchestrations: Orchestrations;
  readonly bulkJobs: BulkJobs;
  readonly tenants: Pick<LiveTenants, 'callbackHostsOf'>;
  readonly outbound: Outbound;
  readonly notices: Notices;
  readonly counting: Pick<Counting, 'calledBack' | 'notified'>;
  readonly secretRead: (read: SecretRead) => void;
  readonly pause: PausePoint;
  readonly log: Logger;
}) {
  const { settings, log } = parts;
  const callbacks = new Callbacks(parts.db, parts.keys, parts.notices);
  const production = settings.service.environment === 'production';
  const sender = new CallbackSender(settings.callbacks, production, {
    secrets: Secrets.of(process.env, [], parts.secretRead),
    hostsOf: (tenantId) => parts.tenants.callbackHostsOf(tenantId),
  });
  const notices = composeNotices(parts);
  let dispatchers: readonly Pick<Dispatcher<unknown>, 'start' | 'stop'>[] = [];
  return {
    callbacks,
    api: {
      refusalOf: (tenantId: string, url: string) => sender.refusalOf(tenantId, url),
      list: ((...asked) => callbacks.list(...asked)) as Callbacks['list'],
    },
    worker: {
      notices: notices.activities,
      activities: createCallbackActivities({
        callbacks,
        bodyOf: (callbackId) =>
          callbackId.startsWith('bulk-')
            ? bulkJobBody(parts.bulkJobs, callbackId)
            : jobBody(parts.orchestrations, callbackId),
        send: (message) => sender.send(message),
        retrySeconds: settings.callbacks.retry_seconds,
        random: Math.random,
        told: parts.counting.calledBack,
        log,
        pause: parts.pause,
      }),
      maxConcurrent: settings.callbacks.max_concurrent,
    },
    /** Of the processes that do maintenance. */
    keepRunning(clients: TenantClients) {
      const taskQueue = settings.workflow.task_queue;
      dispatchers = [
        callbackDispatcher({ ...parts, callbacks, clients, taskQueue }),
        notices.dispatcherOf(clients.main),
      ];
      for (const dispatcher of dispatchers) dispatcher.start();
    },
    async stop() {
      await Promise.all(dispatchers.map((dispatcher) => dispatcher.stop()));
      await sender.close();
    },
  };
}

async function jobBody(orchestrations: Orchestrations, jobId: string): Promise<Buffer | null> {
  const job = await orchestrations.job(jobId, null);
  if (!job) return null;
  const status = statusOf(job);
  const whole = Buffer.from(JSON.stringify({ ...status, result_omitted: false } satisfies JobCallback));
  if (whole.length <= maxBodyBytes) return whole;
  return Buffer.from(JSON.stringify({ ...status, result: null, result_omitted: true } satisfies JobCallback));
}

/** The same at every attempt: a job that has ended does not change, whatever the time is. */
async function bulkJobBody(bulkJobs: BulkJobs, bulkId: string): Promise<Buffer | null> {
  const job = await bulkJobs.job(bulkId, null);
  return job && Buffer.from(JSON.stringify(bulkStatusOf(job, Date.now()) satisfies BulkJobCallback));
}
