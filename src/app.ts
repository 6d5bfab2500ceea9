import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { Client } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { sql } from 'kysely';
import { createDecide } from './activities/decide';
import { createDetect } from './activities/detect';
import { DetectorAttempts } from './activities/detector-attempts';
import { CheckpointKeeper } from './activities/checkpoint-keeper';
import { DetectorMemo } from './activities/detector-memo';
import { createMap } from './activities/map';
import { MapperClient } from './activities/mapper-client';
import { createPublish } from './activities/publish';
import { RunControls } from './activities/run-controls';
import type { Activities } from './activities/types';
import { startWorkers } from './activities/worker';
import { createApp } from './api/app';
import type { DependencyName } from './contract/health';
import { RateLimit } from './api/rate-limit';
import { dependencyStates } from './api/dependency-states';
import { addressOf, drain, listen } from './api/http-server';
import { pausePointFrom } from './config/pause-point';
import type { Settings } from './contract/config';
import { jobIdPattern } from './contract/text';
import { authHeaders } from './detectors/outbound-auth';
import { DetectorCaller } from './detectors/detector-caller';
import { DetectorHttpClient } from './detectors/http-client';
import { dataVersions } from './mapper/data-versions';
import { Planner } from './planning/planner';
import { deserializeBundle, serializeBundle } from './policy/bundle';
import { createPolicyEvaluator } from './policy/evaluator';
import { loadPolicies } from './policy/load';
import { Breakers } from './registry/breakers';
import { HealthMonitor } from './registry/health-monitor';
import { Latencies } from './registry/latencies';
import { loadRegistry } from './registry/registry';
import { Checkpoints } from './store/checkpoints';
import { openDatabase } from './store/database';
import { KeyRing } from './store/key-ring';
import { loadMasterKey } from './store/master-key';
import { migrate } from './store/migrations';
import { Notifications } from './store/notifications';
import { Orchestrations } from './store/orchestrations';
import { Outcomes } from './store/outcomes';
import { createDataConverter, PayloadReader } from './store/payload-codec';
import { PolicyBundles } from './store/policy-bundles';
import { connectRedis } from './store/redis';
import { ResultHub } from './store/result-hub';
import { Runs } from './store/runs';
import { Admission } from './submission/admission';
import { Execution } from './submission/execution';
import { JobQueue } from './submission/job-queue';
import { Jobs } from './submission/jobs';
import { Launcher } from './submission/launcher';
import { LoopLag } from './submission/loop-lag';
import { RunGateway } from './submission/run-gateway';
import { Submission } from './submission/submission';
import { Sweeper } from './submission/sweeper';
import type { Logger } from './telemetry/logger';
import { installRuntime } from './telemetry/temporal-logger';

/** Where the servers are that the settings may leave to `npm start`. */
export interface Servers {
  readonly databaseUrl: string;
  readonly temporalAddress: string;
  readonly builtinUrl: string;
  readonly mapperUrl: string;
  /** Origins of Temporal Web that may ask for decoding. */
  readonly temporalWebOrigins: readonly string[];
}

export interface Conclave {
  /** Where the facade listens; null for a worker. */
  readonly address: string | null;
  /** Rejects when a part breaks down by itself. */
  readonly broken: Promise<never>;
  /** Not ready, drain, stop (design.md 5). */
  stop(): Promise<void>;
}

export interface ConclaveOptions {
  readonly settings: Settings;
  readonly servers: Servers;
  readonly version: string;
  readonly log: Logger;
  readonly opaPath: () => Promise<string>;
  /** Parts of this process: every facade hosts a fast-lane worker too (design.md 8). */
  readonly parts: { readonly facade: boolean; readonly maintenance: boolean; readonly pools: boolean };
  /** Token for Temporal Web's decoding; null: off. */
  readonly codecToken: string | null;
}

const hourMs = 3_600_000;
const minuteMs = 60_000;

/** The composition root: builds a Conclave process out of its parts and starts it. */
export async function startConclave(options: ConclaveOptions): Promise<Conclave> {
  const { settings, servers, log, version } = options;
  const processId = randomUUID();
  const now = Date.now;
  const pause = pausePointFrom(process.env, settings.service.environment);

  // Store
  const db = openDatabase(servers.databaseUrl, settings.database.pool_size);
  await migrate(db);
  const keys = new KeyRing(db, loadMasterKey(settings.security.master_key, settings.service.data_dir));
  await keys.assertMasterKey();
  const retentionMs = settings.orchestration.idempotency_retention_hours * hourMs;
  const orchestrations = new Orchestrations(db, keys, retentionMs);
  const runs = new Runs(db, keys, retentionMs);
  const outcomes = new Outcomes(db, orchestrations, runs, {
    answerRetentionMs: retentionMs,
    contentRetentionMs: settings.orchestration.content_retention_minutes * minuteMs,
  });
  const notifications = new Notifications(db, servers.databaseUrl);
  await notifications.listen();
  const hub = new ResultHub(orchestrations, notifications);
  const payloads = new PayloadReader(db, keys);
  const redis =
    settings.redis.url === null
      ? null
      : await connectRedis(settings.redis.url, (error) => log.warn({ error }, 'redis is not reachable'));

  // Policies
  const catalog = await loadPolicies({
    dir: settings.policy.store_path,
    cacheDir: path.join(__dirname, 'policy-cache'),
    opaPath: options.opaPath,
  });
  for (const refused of catalog.refused) {
    log.error(
      { tenant_id: refused.tenant, bundle: refused.bundle, problems: refused.problems },
      'a policy bundle is invalid and stays out',
    );
  }
  const bundles = new PolicyBundles(db);
  await bundles.save(
    catalog.bundles.map((bundle) => ({
      digest: bundle.digest,
      tenantId: bundle.policy.tenant_id,
      bundle: bundle.policy.policy_bundle,
      version: bundle.policy.version,
      document: serializeBundle(bundle),
    })),
  );
  const evaluator = createPolicyEvaluator({ timeoutMs: settings.policy.decision_timeout_ms });

  // Detectors
  const registry = loadRegistry(settings.registry.path, servers.builtinUrl);
  const http = new DetectorHttpClient();
  const breakers = new Breakers(settings.orchestration);
  const latencies = new Latencies();
  const health = new HealthMonitor(
    registry,
    breakers,
    async (registration) =>
      http.probe(
        new URL(registration.health_check_path, registration.endpoint).href,
        await authHeaders(registration),
        settings.orchestration.health_probe_timeout_ms,
      ),
    settings.orchestration,
  );
  await health.start();

  // Activities
  const memo = new DetectorMemo();
  const controls = new RunControls(orchestrations, notifications);
  const checkpoints = new Checkpoints(db, keys);
  const keeper = new CheckpointKeeper(checkpoints, memo);
  const attempts = new DetectorAttempts({
    caller: new DetectorCaller(http),
    breakers,
    health,
    latencies,
    controls,
    keys,
    now,
  });
  const mapper = new MapperClient(servers.mapperUrl, settings.mapper.service_key);
  const activities: Activities = {
    detect: createDetect({
      attempts,
      memo,
      keeper,
      controls,
      orchestrations,
      now,
      random: Math.random,
      pause,
    }),
    decide: createDecide({
      evaluator,
      bundleByDigest: async (digest) => {
        const own = catalog.byDigest(digest);
        if (own) return own;
        const stored = await bundles.document(digest);
        return stored ? deserializeBundle(stored) : null;
      },
    }),
    map: createMap({ mapper, hub, orchestrations, processId, now }),
    publish: createPublish({ outcomes, hub, keeper, now, pause }),
  };

  // Temporal
  installRuntime(log);
  const connection = await NativeConnection.connect({
    address: servers.temporalAddress,
    tls: settings.workflow.tls,
    ...(settings.workflow.api_key === null ? {} : { apiKey: settings.workflow.api_key }),
  });
  const dataConverter = createDataConverter(db, keys);
  const { namespace, task_queue: taskQueue } = settings.workflow;
  const client = new Client({ connection, namespace, dataConverter });
  const jobQueue = new JobQueue({
    waiting: () => orchestrations.waitingJobs(),
    settings: settings.orchestration,
    now,
  });
  notifications.on('message', (message) => {
    if (message.kind === 'published' && jobIdPattern.test(message.run_id)) jobQueue.finished();
  });
  const lag = new LoopLag(now);
  const admission = new Admission({
    settings: settings.orchestration,
    jobs: jobQueue,
    lagMs: () => lag.ms,
    now,
    log,
  });
  const workers = await startWorkers({
    connection,
    namespace,
    dataConverter,
    activities,
    taskQueue,
    pools: options.parts.pools ? settings.workflow.pools : [],
    maxWorkflowTasks: settings.workflow.max_concurrent_workflow_tasks,
    maxLocalActivities: settings.workflow.max_concurrent_local_activities,
    maxActivities: settings.workflow.max_concurrent_activities,
    maxJobs: settings.workflow.max_concurrent_jobs,
    pressed: () => admission.pressed,
  });

  // Submission
  const gateway = new RunGateway(client, taskQueue, payloads);
  const planner = new Planner({
    bundleOf: (tenantId, bundle) => catalog.get(tenantId, bundle),
    evaluator,
    registry,
    health,
    breakers,
    latencies,
    settings: {
      mappingEnabled: settings.mapper.auto_map_results,
      mapperBudgetMs: settings.orchestration.mapper_timeout_budget_ms,
      maxConcurrentDetectors: settings.orchestration.max_concurrent_detectors,
      fastLaneLimitMs: settings.orchestration.sync_to_async_threshold_ms,
      versionInfo: { ...dataVersions(settings.mapper.taxonomy_path), model: 'none', orchestrator: version },
    },
  });
  const execution = new Execution({
    db,
    runs,
    orchestrations,
    gateway,
    hub,
    memo,
    admission,
    launcher: new Launcher({
      runs,
      gateway,
      memo,
      attempts,
      processId,
      sharing: settings.orchestration.shared_runs,
    }),
    sla: settings.orchestration,
    pause,
  });
  const submission = new Submission({ admission, planner, execution, runs, orchestrations, gateway });
  const jobs = new Jobs({ orchestrations, planner, execution, gateway });
  const sweeper = new Sweeper({ db, runs, outcomes, orchestrations, checkpoints, gateway, log });
  if (options.parts.maintenance) sweeper.start();

  // Facade
  let accepting = true;
  const states = dependencyStates({
    workflow_engine: async () =>
      void (await connection.withDeadline(Date.now() + 1000, () =>
        connection.workflowService.getSystemInfo({}),
      )),
    store: async () => void (await sql`select 1`.execute(db)),
    cache: redis === null ? null : async () => void (await redis.ping()),
    policy_engine: () =>
      catalog.bundles.length > 0 ? Promise.resolve() : Promise.reject(new Error('no bundle')),
    mapper: async () => {
      if (!(await http.probe(new URL('/health', servers.mapperUrl).href, {}, 1000)))
        throw new Error('no answer');
    },
  } satisfies Record<DependencyName, (() => Promise<void>) | null>);
  const app = createApp({
    orchestrate: {
      submission,
      jobs,
      rateLimit: new RateLimit(redis),
      rateLimitOf: (tenantId, bundle) =>
        catalog.get(tenantId, bundle)?.policy.rate_limit_per_minute ??
        settings.orchestration.default_rate_limit_per_minute,
      maxBodyBytes: settings.security.max_body_bytes,
    },
    detectors: { registry, health, breakers },
    health: {
      version,
      environment: settings.service.environment,
      startedAt: now(),
      minDetectorsReady: settings.orchestration.min_detectors_ready,
      registry,
      health,
      accepting: () => accepting,
      pendingJobs: () => orchestrations.openJobs(),
      dependencies: states,
    },
    codec:
      options.codecToken === null
        ? null
        : { payloads, token: options.codecToken, origins: servers.temporalWebOrigins },
    log,
  });
  const server = options.parts.facade
    ? await listen(app, settings.service.port, settings.service.host)
    : null;

  return {
    address: server && addressOf(server),
    broken: workers.stopped.then(() => {
      throw new Error('the worker has stopped');
    }),
    async stop() {
      accepting = false;
      if (server) await drain(server, settings.service.drain_seconds * 1000);
      await workers.stop();
      await sweeper.stop();
      health.stop();
      lag.stop();
      await Promise.all([notifications.close(), connection.close(), http.close(), mapper.close()]);
      redis?.destroy();
      await db.destroy();
    },
  };
}
