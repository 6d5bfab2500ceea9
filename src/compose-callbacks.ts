import type { Client } from '@temporalio/client';
import { createCallbackActivities } from './activities/call-back';
import type { Counting } from './compose-metrics';
import type { PausePoint } from './config/pause-point';
import type { JobCallback } from './contract/callback';
import type { Settings } from './contract/config';
import { CallbackSender } from './outbound/callback-sender';
import { type SecretRead, Secrets } from './outbound/secrets';
import type { LiveTenants } from './security/live-tenants';
import { Callbacks } from './store/callbacks';
import type { Db } from './store/database';
import type { KeyRing } from './store/key-ring';
import type { Notifications } from './store/notifications';
import type { Orchestrations } from './store/orchestrations';
import { CallbackDispatcher } from './submission/callback-dispatcher';
import { statusOf } from './submission/job-status';
import type { Logger } from './telemetry/logger';

/** What is larger goes without its result: receivers bound what they read. */
const maxBodyBytes = 256 * 1024;

/** The part of the composition root that calls back when jobs have ended. */
export function composeCallbacks(parts: {
  readonly settings: Settings;
  readonly db: Db;
  readonly keys: KeyRing;
  readonly notifications: Notifications;
  readonly orchestrations: Orchestrations;
  readonly tenants: Pick<LiveTenants, 'callbackHostsOf'>;
  readonly counting: Pick<Counting, 'calledBack'>;
  readonly secretRead: (read: SecretRead) => void;
  readonly pause: PausePoint;
  readonly log: Logger;
}) {
  const { settings, orchestrations, log } = parts;
  const callbacks = new Callbacks(parts.db, parts.keys);
  const production = settings.service.environment === 'production';
  const sender = new CallbackSender(settings.callbacks, production, {
    secrets: Secrets.of(process.env, [], parts.secretRead),
    hostsOf: (tenantId) => parts.tenants.callbackHostsOf(tenantId),
  });
  let dispatcher: CallbackDispatcher | null = null;
  return {
    callbacks,
    api: {
      refusalOf: (tenantId: string, url: string) => sender.refusalOf(tenantId, url),
      list: ((...asked) => callbacks.list(...asked)) as Callbacks['list'],
    },
    worker: {
      activities: createCallbackActivities({
        callbacks,
        bodyOf: (callbackId) => jobBody(orchestrations, callbackId),
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
    keepRunning(client: Client) {
      const taskQueue = settings.workflow.task_queue;
      dispatcher = new CallbackDispatcher({ ...parts, callbacks, client, taskQueue });
      dispatcher.start();
    },
    async stop() {
      await dispatcher?.stop();
      await sender.close();
    },
  };
}

async function jobBody(orchestrations: Orchestrations, jobId: string): Promise<Buffer | null> {
  const job = await orchestrations.job(jobId);
  if (!job) return null;
  const status = statusOf(job);
  const whole = Buffer.from(JSON.stringify({ ...status, result_omitted: false } satisfies JobCallback));
  if (whole.length <= maxBodyBytes) return whole;
  return Buffer.from(JSON.stringify({ ...status, result: null, result_omitted: true } satisfies JobCallback));
}
