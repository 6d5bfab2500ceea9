import type { Settings } from './contract/config';
import { jobIdPattern } from './contract/text';
import type { Notifications } from './store/notifications';
import type { Orchestrations } from './store/orchestrations';
import { Admission } from './submission/admission';
import { JobQueue } from './submission/job-queue';
import { LoopLag } from './submission/loop-lag';
import type { Logger } from './telemetry/logger';

interface AdmissionParts {
  readonly settings: Settings;
  readonly orchestrations: Orchestrations;
  readonly notifications: Notifications;
  readonly now: () => number;
  readonly log: Logger;
}

/** The gate, and what it measures by. Stop `lag` in the end. */
export function composeAdmission({ settings, orchestrations, notifications, now, log }: AdmissionParts) {
  const jobs = new JobQueue({
    waiting: () => orchestrations.waitingJobs(),
    settings: settings.orchestration,
    now,
  });
  notifications.on('message', (message) => {
    if (message.kind === 'published' && jobIdPattern.test(message.run_id)) jobs.finished();
  });
  const lag = new LoopLag(now);
  const admission = new Admission({
    settings: settings.orchestration,
    jobs,
    lagMs: () => lag.ms,
    now,
    log,
  });
  return { admission, lag };
}
