import { createBulkActivities } from './activities/bulk';
import { BulkInputs } from './activities/bulk-inputs';
import type { Inputs } from './activities/by-reference';
import type { DetectorMemo } from './activities/detector-memo';
import type { BulkRouterDependencies } from './api/bulk-router';
import type { CallbackRules } from './api/callback-url';
import type { BulkActivities } from './contract/bulk-run';
import type { Settings } from './contract/config';
import { bulkLimits, bulkPatience } from './domain/bulk';
import type { Planner } from './planning/planner';
import { BulkChunks } from './store/bulk-chunks';
import { BulkJobs } from './store/bulk-jobs';
import { BulkRuns, type BulkRunSettings } from './store/bulk-runs';
import type { Callbacks } from './store/callbacks';
import type { Db } from './store/database';
import type { KeyRing } from './store/key-ring';
import type { Notifications } from './store/notifications';
import type { Orchestrations } from './store/orchestrations';
import type { Outcomes } from './store/outcomes';
import type { Runs } from './store/runs';
import { Bulk } from './submission/bulk';
import { BulkExport } from './submission/bulk-export';
import { BulkGateway } from './submission/bulk-gateway';
import { BulkIntake } from './submission/bulk-intake';
import { BulkKeeper } from './submission/bulk-keeper';
import { BulkWatch } from './submission/bulk-watch';
import type { TenantClients } from './submission/tenant-clients';
import type { Logger } from './telemetry/logger';

export interface BulkParts {
  readonly activities: BulkActivities;
  readonly bulkJobs: BulkJobs;
  /** Of slices and of all other runs. */
  inputsBeside(others: Inputs): Inputs;
  /** What needs the engine. */
  connect(
    clients: TenantClients,
    calls: { readonly callbacks: Callbacks; readonly api: CallbackRules },
  ): {
    readonly bulk: Bulk;
    readonly keeper: BulkKeeper;
    readonly limits: Pick<
      BulkRouterDependencies,
      'uploadsPerMinute' | 'maxLineBytes' | 'maxImagePixels' | 'callbacks'
    >;
  };
}

/** The part of the composition root that builds bulk jobs. */
export function composeBulk(parts: {
  readonly settings: Settings;
  readonly retention: BulkRunSettings;
  readonly db: Db;
  readonly keys: KeyRing;
  readonly runs: Runs;
  readonly outcomes: Outcomes;
  readonly orchestrations: Orchestrations;
  readonly notifications: Notifications;
  readonly memo: DetectorMemo;
  readonly planner: Planner;
  readonly log: Logger;
}): BulkParts {
  const { settings, retention, db, keys, log } = parts;
  const jobs = new BulkJobs(db, keys, parts.runs, retention.answerRetentionMs);
  const chunks = new BulkChunks(db, keys);
  const runs = new BulkRuns(db, keys, parts.runs, retention);
  const patience = bulkPatience(settings.orchestration);
  const inputs = new BulkInputs(chunks, runs, patience);
  return {
    inputsBeside: (others) => ({
      of: (run) => (run.started_at === undefined ? others : inputs).of(run),
      forget: (runId) => {
        others.forget(runId);
        inputs.forget(runId);
      },
    }),
    activities: createBulkActivities({
      chunks,
      runs,
      outcomes: parts.outcomes,
      memo: parts.memo,
      inputs,
      plan: (request, requestId) => parts.planner.plan(request, requestId),
      patience,
      now: Date.now,
    }),
    bulkJobs: jobs,
    connect(clients, calls) {
      const gateway = new BulkGateway(clients, settings.workflow.task_queue, jobs);
      const bulk = new Bulk({
        jobs,
        chunks,
        intake: new BulkIntake({
          jobs,
          chunks,
          runs: parts.runs,
          maxItems: settings.orchestration.bulk_max_items,
        }),
        export: new BulkExport(chunks, parts.orchestrations),
        watch: new BulkWatch(jobs, parts.notifications),
        gateway,
        callbacks: calls.callbacks,
        log,
      });
      return {
        bulk,
        keeper: new BulkKeeper({ jobs, runs, gateway, log }),
        limits: {
          uploadsPerMinute: settings.orchestration.default_rate_limit_per_minute,
          maxLineBytes: bulkLimits.lineBytes,
          maxImagePixels: settings.content.max_image_pixels,
          callbacks: calls.api,
        },
      };
    },
  };
}
