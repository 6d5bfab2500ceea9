import { existsSync } from 'node:fs';
import path from 'node:path';
import { ApplicationFailure, activityInfo } from '@temporalio/activity';
import type { DataConverter } from '@temporalio/common';
import {
  bundleWorkflowCode,
  DefaultLogger,
  type NativeConnection,
  Worker,
  type WorkerOptions,
} from '@temporalio/worker';
import type { BulkActivities } from '../contract/bulk-run';
import type { CallbackActivities } from '../contract/callback';
import type { HealthActivities } from '../contract/health-monitor';
import type { KeyRotationActivities, TenantKeyRotationActivities } from '../contract/key-rotation';
import type { NoticeActivities } from '../contract/notices';
import type { SimulationActivities } from '../contract/simulation-run';
import type { TenantErasureActivities } from '../contract/tenant-erasure';
import type { TenantExportActivities } from '../contract/tenant-export';
import type { TenantOnboardingActivities } from '../contract/tenant-onboarding';
import {
  bulkTaskQueue,
  callbacksTaskQueue,
  jobsTaskQueue,
  maintenanceTaskQueue,
} from '../domain/task-queues';
import { sharesOf } from '../domain/tenant-namespaces';
import { JobSlots } from './job-slots';
import type { ActivityCalls, DetectCall, DetectOutput } from './types';

/** Made by `conclave build`; without it the workflows are bundled at the start. */
export const workflowBundlePath = path.resolve(__dirname, '..', 'workflow-bundle.js');

const workflowsPath = require.resolve('../workflows');
const failureConverterPath = require.resolve('../workflows/failure-converter');

type MaintenanceActivities = HealthActivities &
  KeyRotationActivities &
  TenantKeyRotationActivities &
  TenantErasureActivities &
  TenantExportActivities &
  TenantOnboardingActivities;

export interface WorkerHostOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  /** Of tenants, beside the main one. */
  readonly ownNamespaces: readonly string[];
  readonly dataConverter: DataConverter;
  readonly activities: ActivityCalls & BulkActivities;
  readonly taskQueue: string;
  readonly pools: readonly string[];
  /** Whether bulk jobs run here. */
  readonly bulk: boolean;
  /** Null: upstreams are watched, policies simulated, keys and tenants worked on elsewhere. */
  readonly maintenance: MaintenanceActivities | null;
  readonly simulations: SimulationActivities;
  /** Null: receivers are told of jobs, and operators of what happens, elsewhere. */
  readonly callbacks: {
    readonly activities: CallbackActivities;
    readonly notices: NoticeActivities;
    readonly maxConcurrent: number;
  } | null;
  readonly maxWorkflowTasks: number;
  readonly maxLocalActivities: number;
  readonly maxActivities: number;
  readonly maxJobs: number;
  /** Whether jobs should hold back for sync requests. */
  readonly pressed: () => boolean;
}

export interface WorkerHost {
  /** Settles when the workers have stopped; rejects when one broke down. */
  readonly stopped: Promise<void>;
  /** Lets activities in flight finish within the grace time. */
  stop(): Promise<void>;
}

const graceTime = '10s';
const forceTime = '25s';
const cachedWorkflows = 500;
/** So few chunks of bulk jobs, whoever's they are, run in one process at a time. */
const chunksAtWork = 10;
const cachedBulkWorkflows = 100;
/** One workflow for ever with its one activity, and beside it what is asked for now and then: three of those at a time. */
const maintenanceTasks = {
  maxConcurrentWorkflowTaskExecutions: 2,
  maxConcurrentActivityTaskExecutions: 4,
  maxCachedWorkflows: 20,
  shutdownGraceTime: '0s',
};

/** Two events a minute at most of each: they wait in the engine, not here. */
const callbackTasks = { maxConcurrentWorkflowTaskExecutions: 10, maxCachedWorkflows: 20 };

/** In a namespace that most of the time has nothing to do. */
const fewPolls = {
  workflowTaskPollerBehavior: { type: 'simple-maximum', maximum: 2 },
  activityTaskPollerBehavior: { type: 'simple-maximum', maximum: 2 },
} as const;

/** Workers of this process: orchestrations with the fast lane, jobs, and the pools it serves; the same in each namespace. */
export async function startWorkers(options: WorkerHostOptions): Promise<WorkerHost> {
  const { namespace: main, ownNamespaces } = options;
  const { ofMain, ofEach } = sharesOf(ownNamespaces.length);
  const workers = await workersIn({ namespace: main, isMain: true, share: ofMain }, options);
  for (const namespace of ownNamespaces) {
    const post = { namespace, isMain: false, share: ofEach, polls: fewPolls };
    workers.push(...(await workersIn(post, options)));
  }
  const stopped = Promise.all(workers.map((worker) => worker.run())).then(() => undefined);
  return {
    stopped,
    async stop() {
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
      await stopped.catch(() => undefined);
    },
  };
}

/** Where workers work, and what they may take of what the process has. */
interface Post {
  readonly namespace: string;
  /** Whether the work of the installation is done there, too. */
  readonly isMain: boolean;
  readonly share: (whole: number) => number;
  readonly polls?: Pick<WorkerOptions, 'workflowTaskPollerBehavior' | 'activityTaskPollerBehavior'>;
}

async function workersIn(
  { namespace, isMain, share, polls }: Post,
  options: WorkerHostOptions,
): Promise<Worker[]> {
  const shared = {
    connection: options.connection,
    namespace,
    dataConverter: options.dataConverter,
    activities: registered(options.activities),
    shutdownGraceTime: graceTime,
    shutdownForceTime: forceTime,
    ...polls,
  } satisfies Partial<WorkerOptions>;
  const maxActivities = share(options.maxActivities);
  const maxLocalActivities = share(options.maxLocalActivities);
  const limited = { ...shared, maxConcurrentActivityTaskExecutions: maxActivities };
  const tunerOf = (workflowTaskSlotSupplier: JobSlots): NonNullable<WorkerOptions['tuner']> => ({
    workflowTaskSlotSupplier,
    activityTaskSlotSupplier: { type: 'fixed-size', numSlots: maxActivities },
    localActivityTaskSlotSupplier: { type: 'fixed-size', numSlots: maxLocalActivities },
    nexusTaskSlotSupplier: { type: 'fixed-size', numSlots: 1 },
  });
  const workflows = existsSync(workflowBundlePath)
    ? { workflowBundle: { codePath: workflowBundlePath } }
    : { workflowsPath };
  const workers = [
    await Worker.create({
      ...limited,
      ...workflows,
      taskQueue: options.taskQueue,
      maxConcurrentWorkflowTaskExecutions: share(options.maxWorkflowTasks),
      maxConcurrentLocalActivityExecutions: maxLocalActivities,
      maxCachedWorkflows: share(cachedWorkflows),
    }),
    await Worker.create({
      ...shared,
      ...workflows,
      taskQueue: jobsTaskQueue(options.taskQueue),
      tuner: tunerOf(new JobSlots(share(options.maxJobs), options.pressed, Date.now)),
      maxCachedWorkflows: share(cachedWorkflows),
    }),
  ];
  if (options.bulk) {
    workers.push(
      await Worker.create({
        ...shared,
        ...workflows,
        taskQueue: bulkTaskQueue(options.taskQueue),
        // A chunk holds its slot as long as detectors look; of a fixed number, polls for what has begun would hold the rest.
        tuner: tunerOf(new JobSlots(share(chunksAtWork), () => false, Date.now)),
        nonStickyToStickyPollRatio: 0.5,
        maxCachedWorkflows: share(cachedBulkWorkflows),
      }),
    );
  }
  if (options.maintenance) {
    workers.push(
      await Worker.create({
        ...shared,
        ...workflows,
        activities: { ...options.simulations, ...(isMain && options.maintenance) },
        taskQueue: maintenanceTaskQueue(options.taskQueue),
        ...maintenanceTasks,
      }),
    );
  }
  if (options.callbacks) {
    workers.push(
      await Worker.create({
        ...shared,
        ...workflows,
        activities: { ...options.callbacks.activities, ...(isMain && options.callbacks.notices) },
        taskQueue: callbacksTaskQueue(options.taskQueue),
        ...callbackTasks,
        maxConcurrentActivityTaskExecutions: share(options.callbacks.maxConcurrent),
      }),
    );
  }
  for (const pool of options.pools)
    workers.push(await Worker.create({ ...limited, taskQueue: `pool-${pool}` }));
  return workers;
}

/** The workflows as one file, for workers to start without webpack. @returns JavaScript */
export async function bundleWorkflows(): Promise<string> {
  const { code } = await bundleWorkflowCode({
    workflowsPath,
    failureConverterPath,
    logger: new DefaultLogger('WARN'),
  });
  return code;
}

/** Every detector has an activity type of its own, `detect.<name>`; they are all the same function. */
function registered(activities: ActivityCalls & BulkActivities): object {
  return {
    ...activities,
    async default(call: DetectCall): Promise<DetectOutput> {
      const { activityType } = activityInfo();
      if (activityType.startsWith('detect.')) return activities.detect(call);
      throw ApplicationFailure.nonRetryable(`there is no activity ${activityType}`, 'unknown_activity');
    },
  };
}
