import type { DecisionsRouterDependencies } from './api/decisions-router';
import type { Settings } from './contract/config';
import type { LoggedDecision } from './contract/decision-log';
import type { PlanRecord } from './contract/explanation';
import type { PlannerDependencies } from './planning/planner';
import { createEvaluationPool } from './policy/evaluation-pool';
import { createPolicyEvaluator, type PolicyEvaluator } from './policy/evaluator';
import { presentable } from './security/on-record';
import { AuditRecords } from './store/audit-records';
import type { Db } from './store/database';
import { LoggedDecisions } from './store/logged-decisions';
import type { Orchestrations } from './store/orchestrations';
import { PlanRecords } from './store/plan-records';
import { WriteBehind } from './store/write-behind';
import { Explanations } from './submission/explanations';
import type { Logger } from './telemetry/logger';

export interface DecisionParts {
  readonly evaluator: PolicyEvaluator;
  /** Keeps what there is to explain about a plan. */
  readonly record: PlannerDependencies['record'];
  /** What is on record of a plan. */
  readonly planOf: (tenantId: string, digest: string) => Promise<PlanRecord | null>;
  readonly routes: DecisionsRouterDependencies;
  /** Removes what is past its retention. */
  removeExpired(): Promise<void>;
  stop(): Promise<void>;
}

/** The part of the composition root that evaluates policies, keeps what they decide, and explains it. */
export function composeDecisions(parts: {
  readonly settings: Settings;
  readonly db: Db;
  readonly orchestrations: Orchestrations;
  readonly version: string;
  /** Counts what was decided. */
  readonly decided: (decision: LoggedDecision) => void;
  readonly log: Logger;
}): DecisionParts {
  const { settings, db, orchestrations, version, log } = parts;
  const decisions = new LoggedDecisions(db);
  const decisionLog = new WriteBehind<LoggedDecision>((noted) => decisions.append(noted), {
    what: 'decisions of the decision log',
    log,
  });
  const plans = new PlanRecords(db);
  const timeoutMs = settings.policy.decision_timeout_ms;
  const evaluator = createPolicyEvaluator({
    pool: createEvaluationPool({
      timeoutMs,
      threadFailed: (error) => log.error({ error }, 'a thread that evaluates policies failed between two'),
    }),
    log: (decision) => {
      parts.decided(decision);
      decisionLog.note(decision, JSON.stringify(decision).length);
    },
  });
  return {
    evaluator,
    record: (tenantId, digest, make) => plans.remember(tenantId, digest, make),
    planOf: (tenantId, digest) => plans.find(tenantId, digest),
    routes: {
      explanations: new Explanations({ audit: new AuditRecords(db, presentable), plans, orchestrations }),
      decisions,
      flush: () => decisionLog.flush(),
      version,
    },
    async removeExpired() {
      await decisions.removeExpired();
      await plans.removeExpired();
    },
    async stop() {
      await evaluator.close();
      await decisionLog.stop();
    },
  };
}
