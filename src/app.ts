import { randomUUID } from 'node:crypto';
import { activityInfo } from '@temporalio/activity';
import { byReference } from './activities/by-reference';
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
import { RunInputs } from './activities/run-inputs';
import { startWorkers } from './activities/worker';
import { createApp } from './api/app';
import { addressOf, drain, listen } from './api/http-server';
import { composeAllowList } from './compose-allow-list';
import { composeAdmission } from './compose-admission';
import { composeBreakers } from './compose-breakers';
import { composeBulk } from './compose-bulk';
import { composeCallbacks } from './compose-callbacks';
import { composeContent } from './compose-content';
import { composeDecisions } from './compose-decisions';
import { composeDependencies } from './compose-dependencies';
import { composeIdentity, metricsArePublic } from './compose-identity';
import { composeHealth } from './compose-health';
import { composeMetrics } from './compose-metrics';
import { composeOperations } from './compose-operations';
import { composeOutbound } from './compose-outbound';
import { composeFacades } from './compose-facades';
import { composePlanning } from './compose-planning';
import { composeProxy } from './compose-proxy';
import { composePolicies } from './compose-policies';
import { composePolicyCheck } from './compose-policy-check';
import { composeLimits } from './compose-limits';
import { composeRegistry } from './compose-registry';
import { composeRegistryApi } from './compose-registry-api';
import { composeShadows } from './compose-shadows';
import { composeSimulations } from './compose-simulations';
import { composeStatus } from './compose-status';
import { composeStore } from './compose-store';
import { composeTemporal } from './compose-temporal';
import { pausePointFrom } from './config/pause-point';
import { DetectorCaller } from './detectors/detector-caller';
import { DetectorHttpClient } from './detectors/http-client';
import type { Conclave, ConclaveOptions } from './conclave-process';
import { Planner } from './planning/planner';
import { Latencies } from './registry/latencies';
import { Checkpoints } from './store/checkpoints';
import { batchesOver } from './submission/batches';
import { behindCache } from './submission/behind-cache';
import { Execution } from './submission/execution';
import { Jobs } from './submission/jobs';
import { Launcher } from './submission/launcher';
import { Submission } from './submission/submission';
import { Sweeper } from './submission/sweeper';

/** The composition root: builds a Conclave process out of its parts and starts it. */
export async function startConclave(options: ConclaveOptions): Promise<Conclave> {
  const { settings, servers, log, version } = options;
  const processId = randomUUID();
  const now = Date.now;
  const pause = pausePointFrom(process.env, settings.service.environment);

  // Store
  const counting = composeMetrics(
    (tenantId, bundle) => policies.decides(tenantId, bundle),
    (tenantId) => policies.active().some((bundle) => bundle.tenantId === tenantId),
  );
  const store = await composeStore({ settings, databaseUrl: servers.databaseUrl, counting, log });
  const { db, keys, retention, orchestrations, runs, outcomes, notifications, hub, payloads } = store;
  const { redis, cache, generations, tenants } = store;
  if (cache && options.parts.facade) await generations.start();

  // Policies
  const policies = await composePolicies({ ...store, settings, opaPath: options.opaPath, counting, log });
  const decisions = composeDecisions({ settings, db, orchestrations, version, ...counting, log });
  const { evaluator } = decisions;
  const allowList = await composeAllowList({ db, notifications, log });
  const { allowedBy } = allowList;

  // Detectors
  const { builtinUrl } = servers;
  const outbound = composeOutbound(settings, [builtinUrl, servers.mapperUrl], store.secretRead);
  const shared = { settings, db, notifications, generations, builtinUrl, outbound, ...counting, log };
  const identity = await composeIdentity({ ...store, ...options, policies, counting });
  const upstreams = await composeRegistry({ ...shared, discover: options.parts.maintenance });
  const { registry } = upstreams;
  const http = new DetectorHttpClient(outbound);
  const caller = new DetectorCaller(http);
  const { breakers, sharing } = await composeBreakers({ ...store, ...shared, directory: registry });
  const latencies = new Latencies();
  const watch = await composeHealth({ ...store, ...shared, upstreams, breakers, sharing, http });
  const { health } = watch;
  counting.start({ ...upstreams, db, health, breakers });

  // Temporal
  const temporal = await composeTemporal({ settings, servers, db, keys, payloads, log });
  const { connection, client, clients, gateway } = temporal;

  const planning = composePlanning(settings, version);
  const planner = new Planner({
    bundleOf: policies.bundleOf,
    evaluator,
    registry,
    health,
    breakers,
    latencies,
    allowListOf: allowList.stampOf,
    record: decisions.record,
    settings: planning,
    switchesOf: (tenantId) => tenants.switchesOf(tenantId),
  });

  const judged = { ...shared, ...decisions, ...policies, keys, client, clients, planning, pause, registry };
  const simulations = composeSimulations(judged);
  const operations = await composeOperations({ ...judged, ...store, ...options.parts, processId });
  const pressed = (): boolean => admission.pressed;
  const shadows = await composeShadows({ ...judged, policies, simulations, pressed });

  // Activities
  const inputs = new RunInputs((runId) => gateway.inputIn(activityInfo().namespace, runId));
  const memo = new DetectorMemo();
  const bulkParts = composeBulk({ ...store, settings, memo, planner, log });
  const calls = composeCallbacks({ ...store, ...bulkParts, settings, outbound, counting, pause, log });
  const controls = new RunControls(orchestrations, notifications);
  const checkpoints = new Checkpoints(db, keys);
  const keeper = new CheckpointKeeper(checkpoints, memo);
  const attempts = new DetectorAttempts({
    caller,
    credentials: http.credentials,
    breakers,
    health,
    latencies,
    controls,
    keys,
    allowedBy,
    now,
  });
  const mapper = new MapperClient(servers.mapperUrl, settings.mapper.service_key, counting.mapperTook);
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
    decide: createDecide({ evaluator, bundleByDigest: policies.bundleByDigest }),
    map: createMap({ mapper, hub, orchestrations, processId, now }),
    publish: createPublish({ outcomes, hub, keeper, cache, keep: shadows.keep, now, pause }),
  };

  // Workers
  const { admission, lag } = composeAdmission({ settings, orchestrations, notifications, now, log });
  const workers = await startWorkers({
    ...temporal,
    activities: {
      ...byReference(activities, bulkParts.inputsBeside(inputs)),
      ...bulkParts.activities,
    },
    pools: options.parts.pools ? settings.workflow.pools : [],
    bulk: options.parts.maintenance,
    maintenance: options.parts.maintenance ? { ...watch.activities, ...operations.activities } : null,
    simulations: simulations.activities,
    callbacks: options.parts.maintenance ? calls.worker : null,
    maxWorkflowTasks: settings.workflow.max_concurrent_workflow_tasks,
    maxLocalActivities: settings.workflow.max_concurrent_local_activities,
    maxActivities: settings.workflow.max_concurrent_activities,
    maxJobs: settings.workflow.max_concurrent_jobs,
    pressed,
  });

  // Submission
  const execution = new Execution({
    runs,
    orchestrations,
    gateway,
    hub,
    memo,
    inputs,
    admission,
    launcher: new Launcher({
      runs,
      gateway,
      memo,
      inputs,
      attempts,
      processId,
      sharing: settings.orchestration.shared_runs,
    }),
    sla: settings.orchestration,
    converted: counting.converted,
    pause,
  });
  const cached = behindCache(execution, {
    db,
    cache,
    keys,
    generations,
    runs,
    orchestrations,
    hub,
    sla: settings.orchestration,
    ended: counting.ended,
  });
  const submissionParts = { planner, execution, cached, runs, orchestrations, gateway, ...counting };
  const submission = new Submission(submissionParts);
  const batches = batchesOver(submissionParts, {
    db,
    keys,
    retentionMs: retention.answerRetentionMs,
    sla: settings.orchestration,
    versionInfo: planning.versionInfo,
    log,
  });
  const content = composeContent({ settings, db, keys, log });
  const jobs = new Jobs({ ...submissionParts, ...calls, tenants, allowedBy, uploads: content.uploads });
  const bulk = bulkParts.connect(clients, calls);
  const sweeper = new Sweeper({
    db,
    runs,
    outcomes,
    orchestrations,
    checkpoints,
    gateway,
    log,
    bulk: bulk.keeper,
    removeExpired: () => decisions.removeExpired().then(() => simulations.removeExpired()),
  });
  if (options.parts.maintenance) {
    sweeper.start();
    simulations.start();
    watch.keepRunning(client);
    calls.keepRunning(clients);
  }

  // Facade
  let accepting = true;
  const stopping = new AbortController();
  const { rateLimit, keyedChanges } = composeLimits({ settings, ...store, ...counting, pause });
  const approach = () => admission.approach();
  const states = composeDependencies({ connection, db, redis, policies, http, mapperUrl: servers.mapperUrl });
  const orchestrate = {
    submission,
    intake: content.intake,
    batches,
    jobs,
    rateLimit,
    rateLimitOf: tenants.bounding(policies.rateLimitOf),
    maxBodyBytes: settings.security.max_body_bytes,
    approach,
    callbacks: calls.api,
    refused: counting.refused,
  };
  const probes = {
    version,
    environment: settings.service.environment,
    startedAt: now(),
    dependencies: states,
    minDetectorsReady: settings.orchestration.min_detectors_ready,
    registry,
    health,
    configured: () => upstreams.config.loaded,
    accepting: () => accepting,
    pendingJobs: () => orchestrations.openJobs(),
  };
  const policyRoutes = policies.routes(registry);
  const app = createApp({
    orchestrate,
    keyedChanges,
    facades: composeFacades({ settings, orchestrate, hub, registry, policies }),
    cache: generations,
    decisions: decisions.routes,
    uploads: content.routes(rateLimit),
    bulk: { bulk: bulk.bulk, rateLimit, ...bulk.limits, approach, stopping: stopping.signal },
    ...composeRegistryApi(upstreams, { ...shared, ...watch, tenants, caller, breakers }),
    ...watch.routes,
    ...policyRoutes,
    ...shadows.routes(policyRoutes.policies.store),
    ...allowList.routes(policies),
    simulations: simulations.routes,
    ...operations.routes,
    health: probes,
    status: composeStatus({ probes, ...upstreams, ...counting, health, breakers, orchestrations, policies }),
    codec:
      options.codecToken === null
        ? null
        : { payloads, token: options.codecToken, origins: servers.temporalWebOrigins },
    metrics: { page: counting, isPublic: metricsArePublic(settings) },
    ...identity.routes,
    gateway: composeProxy({ ...shared, ...watch, directory: registry, breakers, outbound }),
    policyCheck: composePolicyCheck({
      judge: policies.judging(registry),
      registry,
      planning,
      bundleOf: policies.bundleOf,
      judged: counting.judged,
    }),
    log,
  });
  const server = options.parts.facade
    ? await listen(app, settings.service.port, settings.service.host, identity.tls)
    : null;

  return {
    address: server && addressOf(server),
    broken: workers.stopped.then(() => {
      throw new Error('the worker has stopped');
    }),
    async stop() {
      accepting = false;
      stopping.abort();
      if (server) await drain(server, settings.service.drain_seconds * 1000);
      await workers.stop();
      await sweeper.stop();
      await Promise.all([decisions.stop(), shadows.stop(), operations.stop()]);
      await simulations.stop();
      await watch.stop();
      await calls.stop();
      await sharing.stop();
      await counting.stop();
      await upstreams.stop();
      await identity.stop();
      policies.stop();
      allowList.stop();
      store.stopFollowing();
      content.stop();
      redis?.guard.stop();
      lag.stop();
      await Promise.all([notifications.close(), connection.close(), outbound.close(), mapper.close()]);
      redis?.client.destroy();
      await db.destroy();
    },
  };
}
