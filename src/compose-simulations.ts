import { createSimulationActivities, HopelessCandidateError } from './activities/simulate';
import type { SimulationsRouterDependencies } from './api/simulations-router';
import type { PausePoint } from './config/pause-point';
import type { Settings } from './contract/config';
import type { EndedRunRecord } from './contract/ended-run';
import type { PlanRecord } from './contract/explanation';
import { simulationRetentionDays } from './contract/simulation';
import type { SimulationActivities } from './contract/simulation-run';
import type { PlanningSettings } from './domain/plan';
import type { CategoryOf } from './domain/simulation-report';
import { loadKnowledge } from './mapper/knowledge';
import { matchSignal } from './mapper/rules';
import { Replayer } from './planning/replayer';
import { readDocument } from './policy/bundle-document';
import { createEvaluationPool } from './policy/evaluation-pool';
import { createPolicyEvaluator } from './policy/evaluator';
import type { Detectors } from './registry/registry';
import type { Db } from './store/database';
import { type EndedRun, EndedRuns } from './store/ended-runs';
import type { KeyRing } from './store/key-ring';
import { Simulations } from './store/simulations';
import { WriteBehind } from './store/write-behind';
import { PolicySimulations, type PolicySimulationsDependencies } from './submission/policy-simulations';
import { SimulationGateway } from './submission/simulation-gateway';
import type { TenantClients } from './submission/tenant-clients';
import type { Logger } from './telemetry/logger';

export interface SimulationParts {
  readonly activities: SimulationActivities;
  /** Keeps a run that has ended for candidates to judge. */
  readonly keep: (run: EndedRun) => void;
  readonly routes: SimulationsRouterDependencies;
  readonly categoryOf: CategoryOf;
  /** Looks after simulations that are open, from whichever process they come. */
  start(): void;
  /** Removes what is past its retention. */
  removeExpired(): Promise<void>;
  stop(): Promise<void>;
}

/** The part of the composition root that keeps what detectors have said, and has candidates of policies judge it again. */
export function composeSimulations(parts: {
  readonly settings: Settings;
  readonly db: Db;
  readonly keys: KeyRing;
  readonly clients: TenantClients;
  readonly registry: Pick<Detectors, 'visibleTo'>;
  readonly planning: PlanningSettings;
  readonly planOf: (tenantId: string, digest: string) => Promise<PlanRecord | null>;
  readonly candidate: (
    registry: Pick<Detectors, 'visibleTo'>,
    ...asked: Parameters<PolicySimulationsDependencies['candidate']>
  ) => ReturnType<PolicySimulationsDependencies['candidate']>;
  readonly pause: PausePoint;
  readonly log: Logger;
}): SimulationParts {
  const { settings, db, keys, log } = parts;
  const runs = new EndedRuns(db, keys);
  const waiting = new WriteBehind<EndedRun>((some) => runs.append(some), {
    what: 'findings that are kept for simulations',
    log,
  });
  const simulations = new Simulations(db, keys);
  const categoryOf = categoriesBy(settings.mapper.taxonomy_path);
  const views = new PolicySimulations({
    simulations,
    runs,
    gateway: new SimulationGateway(parts.clients, settings.workflow.task_queue),
    flush: () => waiting.flush(),
    candidate: (...asked) => parts.candidate(parts.registry, ...asked),
    now: Date.now,
    log,
  });
  return {
    activities: createSimulationActivities({
      simulations,
      runs,
      replayerOf: (document) => replayerOf(parts, document),
      categoryOf,
      pause: parts.pause,
      log,
    }),
    categoryOf,
    keep: (run) => waiting.note(run, run.record.length),
    routes: views,
    start: () => views.start(),
    async removeExpired() {
      await runs.removeExpired(simulationRetentionDays);
      await simulations.removeExpired(simulationRetentionDays);
    },
    async stop() {
      views.stop();
      await waiting.stop();
    },
  };
}

/** In a shift of 20 s: each of them costs a quarter of a second. */
const mostOverruns = 20;
const tooSlow =
  'the rules of the candidate take too long: of the last requests many were decided by its static fields';

/** An evaluator of its own: what a candidate does wrong is nobody else's concern, and in no log of decisions. */
function replayerOf(
  { settings, registry, planning, planOf }: Parameters<typeof composeSimulations>[0],
  document: Buffer,
) {
  const { bundle } = readDocument(document);
  const { tenant_id: tenantId } = bundle.policy;
  let overruns = 0;
  const evaluator = createPolicyEvaluator({
    log: ({ outcome }) => (overruns += outcome === 'slow' ? 1 : 0),
    // Every record is judged as if it were the only one.
    skipsFailing: false,
    pool: createEvaluationPool({ timeoutMs: settings.policy.decision_timeout_ms }),
  });
  const replayer = new Replayer({
    bundle,
    evaluator,
    planOf: (digest) => planOf(tenantId, digest),
    registered: registry.visibleTo(tenantId),
    settings: planning,
  });
  return {
    async replay(requestId: string, run: EndedRunRecord) {
      if (overruns > mostOverruns) throw new HopelessCandidateError(tooSlow);
      return replayer.replay(requestId, run);
    },
    done: () => evaluator.close(),
  };
}

/** Labels by the taxonomy's own maps, which are read when they are first asked. */
function categoriesBy(taxonomyPath: string): CategoryOf {
  let labels: ReturnType<typeof loadKnowledge>['labels'] | undefined;
  return (detector, label) => {
    labels ??= loadKnowledge(taxonomyPath).labels;
    const { category, step } = matchSignal({ detector, label }, labels);
    return step === 'none' || step === 'malformed' ? null : category;
  };
}
