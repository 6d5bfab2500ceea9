import { LRUCache } from 'lru-cache';
import type { ShadowRouterDependencies } from './api/shadow-router';
import type { Counting } from './compose-metrics';
import type { composePolicies } from './compose-policies';
import type { SimulationParts } from './compose-simulations';
import type { Settings } from './contract/config';
import type { PlanRecord } from './contract/explanation';
import type { Shadow } from './contract/shadow';
import type { PlanningSettings } from './domain/plan';
import { ReportBuilder } from './domain/simulation-report';
import { Replayer } from './planning/replayer';
import { createEvaluationPool } from './policy/evaluation-pool';
import { createPolicyEvaluator } from './policy/evaluator';
import { LiveShadows } from './policy/live-shadows';
import type { PolicyStore } from './policy/policy-store';
import { Shadows } from './policy/shadows';
import type { Detectors } from './registry/registry';
import type { Db } from './store/database';
import type { EndedRun } from './store/ended-runs';
import type { KeyRing } from './store/key-ring';
import { hear, type Notifications } from './store/notifications';
import { whenCommitted } from './store/one-transaction';
import { PolicyShadows } from './store/policy-shadows';
import { Shadowing } from './submission/shadowing';
import type { Logger } from './telemetry/logger';

interface ShadowParts {
  readonly settings: Settings;
  readonly db: Db;
  readonly keys: KeyRing;
  readonly notifications: Notifications;
  readonly registry: Pick<Detectors, 'visibleTo'>;
  readonly planning: PlanningSettings;
  readonly planOf: (tenantId: string, digest: string) => Promise<PlanRecord | null>;
  readonly policies: Pick<Awaited<ReturnType<typeof composePolicies>>, 'activeVersion' | 'bundleByDigest'>;
  readonly simulations: Pick<SimulationParts, 'categoryOf' | 'keep'>;
  readonly pressed: () => boolean;
  readonly shadowed: Counting['shadowed'];
  readonly log: Logger;
}

/** The part of the composition root that has versions of policies judge beside the ones that decide. */
export async function composeShadows(parts: ShadowParts) {
  const { db, keys, notifications, policies, simulations, log } = parts;
  const store = new PolicyShadows(db, keys, notifications);
  const live = new LiveShadows({
    news: () => store.news(),
    onHint: (listener) => hear(notifications, 'shadows_changed', listener),
    failed: (error) => log.error({ error }, 'changes of shadows cannot be read; what is known goes on'),
    activeVersion: policies.activeVersion,
    now: Date.now,
  });
  await live.start();
  const judges = judgesOf(parts);
  const shadowing = new Shadowing({
    running: live.running.bind(live),
    judge: judges.judge,
    add: (shadow, missed, counted) =>
      store.add(shadow, missed, (before) => {
        const builder = new ReportBuilder(simulations.categoryOf, before ?? undefined);
        for (const record of counted) builder.add(record);
        return builder.report;
      }),
    count: ({ tenantId, bundle }, results) => parts.shadowed(tenantId, bundle, results),
    pressed: parts.pressed,
    log,
  });
  return {
    /** A run that has ended, for simulations and for the shadow of its bundle. */
    keep: (run: EndedRun): void => {
      simulations.keep(run);
      shadowing.offer(run);
    },
    routes(versions: Pick<PolicyStore, 'get'>): { readonly shadows: ShadowRouterDependencies } {
      const shadows = new Shadows({
        store,
        live,
        changed: () => whenCommitted(() => live.catchUp()),
        versionOf: (name, version) => versions.get(name, version),
        provide: policies.bundleByDigest,
        flush: () => shadowing.flush(),
        now: Date.now,
      });
      return { shadows };
    },
    async stop() {
      live.stop();
      await shadowing.stop();
      await judges.close();
    },
  };
}

const rememberedJudges = 50;

/** An evaluator of its own: what a shadow does wrong is nobody else's concern, and in no log of decisions. */
function judgesOf({ settings, registry, planning, planOf, policies }: ShadowParts) {
  const evaluator = createPolicyEvaluator({
    pool: createEvaluationPool({ timeoutMs: settings.policy.decision_timeout_ms }),
  });
  const judges = new LRUCache<
    string,
    { readonly replayer: Replayer; readonly registered: readonly unknown[] }
  >({
    max: rememberedJudges,
  });

  async function judgeFor(shadow: Shadow): Promise<Replayer> {
    const { shadowId, tenantId, digest } = shadow;
    const registered = registry.visibleTo(tenantId);
    const known = judges.get(shadowId);
    if (known?.registered === registered) return known.replayer;
    const bundle = await policies.bundleByDigest(digest);
    if (!bundle) throw new Error(`the document ${digest} is not in the store`);
    const replayer = new Replayer({
      bundle,
      evaluator,
      planOf: (planDigest) => planOf(tenantId, planDigest),
      registered,
      settings: planning,
    });
    judges.set(shadowId, { replayer, registered });
    return replayer;
  }

  return {
    judge: async (
      ...[shadow, requestId, run]: Parameters<ConstructorParameters<typeof Shadowing>[0]['judge']>
    ) => (await judgeFor(shadow)).replay(requestId, run),
    close: () => evaluator.close(),
  };
}
