import type { PolicyCheckRouterDependencies } from './api/policy-check-router';
import { detectorResultSchema } from './contract/detector-result';
import { ConclaveError } from './contract/errors';
import type { SelectionDecision } from './contract/decisions';
import type { Plan } from './contract/plan';
import type { TenantPolicy } from './contract/policy';
import type { DetectorRegistration } from './contract/registration';
import type { PolicyCheck, PolicyVerdict, PolicyViolation } from './contract/policy-validation';
import { complianceViolations } from './domain/compliance';
import { planFor, type PlanningSettings } from './domain/plan';
import type { Bundle } from './policy/bundle';
import { inputFor } from './policy/decision-inputs';
import { type Candidate, candidateOf } from './policy/candidate';
import { type Judged, unreadable } from './policy/judge';
import { policyFile } from './policy/policy-file';
import { compileProblems, problem } from './policy/problem';
import { runTrials } from './policy/trial';
import { isValid, verdictOf } from './policy/verdict';
import type { Detectors } from './registry/registry';
import type { OrchestrationMetrics } from './telemetry/orchestration-metrics';

interface PolicyCheckParts {
  readonly judge: (candidate: Candidate, tenantId: string) => Promise<Judged>;
  readonly registry: Detectors;
  readonly planning: PlanningSettings;
  /** The active one. */
  readonly bundleOf: (tenantId: string, bundle: string) => Promise<Bundle | null>;
  readonly judged: OrchestrationMetrics['judged'];
}

/** The part of the composition root that judges policies, and results by policies, without keeping either. */
export function composePolicyCheck(parts: PolicyCheckParts): PolicyCheckRouterDependencies {
  return {
    check: async (given, asked) => {
      const named = asked.policy?.['tenant_id'];
      const tenantId = given ?? (typeof named === 'string' ? named : null);
      const verdict = asked.policy
        ? await judgeDocument(parts, tenantId, asked)
        : await judgeResults(parts, tenantId, asked);
      const found = verdict.violations.map(({ violation_type }) => violation_type);
      parts.judged(tenantId ?? 'unknown', asked.policy_bundle, found);
      return verdict;
    },
  };
}

async function judgeDocument(
  { judge, registry, planning }: PolicyCheckParts,
  tenantId: string | null,
  asked: PolicyCheck,
): Promise<PolicyVerdict> {
  const candidate = await read(asked).catch(compileProblems);
  if (!('policy' in candidate)) return verdictOf(asked.policy_bundle, unreadable(candidate));
  const { policy } = candidate;
  const owner = tenantId ?? policy.tenant_id;
  const { judgement } = await judge(candidate, owner);
  const misnamed = policy.policy_bundle === asked.policy_bundle ? [] : [misnaming(policy.policy_bundle)];
  const verdict = verdictOf(asked.policy_bundle, {
    ...judgement,
    errors: [...misnamed, ...judgement.errors],
  });
  if (!asked.detector_results) return verdict;
  const registrations = registry.visibleTo(owner);
  const plan = planned(policy, asked, registrations, null, planning);
  return withViolations(verdict, violationsOf(asked, policy, plan, registrations));
}

async function read({ policy, rego, rego_tests: tests, fixtures }: PolicyCheck): Promise<Candidate> {
  return candidateOf({ policy, rego, tests, fixtures });
}

function misnaming(name: string) {
  const message = `policy_bundle is ${name}, but the request says otherwise`;
  return { ...problem(policyFile, message, 'name_mismatch'), path: '/policy_bundle' };
}

async function judgeResults(
  { registry, bundleOf, planning }: PolicyCheckParts,
  tenantId: string | null,
  asked: PolicyCheck,
): Promise<PolicyVerdict> {
  if (tenantId === null) {
    throw new ConclaveError('INVALID_REQUEST', 'results are judged by the bundle of a tenant: name it', {
      detail: 'tenant_required',
      fieldErrors: [{ path: 'X-Tenant-ID', message: 'is required without policy' }],
    });
  }
  const bundle = await bundleOf(tenantId, asked.policy_bundle);
  if (!bundle) {
    throw new ConclaveError('POLICY_NOT_FOUND', 'the tenant has no active policy bundle of this name', {
      fieldErrors: [{ path: 'policy_bundle', message: 'names no active bundle of the tenant' }],
    });
  }
  const { policy } = bundle;
  const registrations = registry.visibleTo(tenantId);
  const decision = await selectionOf(bundle, asked, registrations);
  const plan = decision?.allow === false ? null : planned(policy, asked, registrations, decision, planning);
  return withViolations(
    verdictOf(policy.policy_bundle, { ...unreadable([]), version: policy.version }),
    violationsOf(asked, policy, plan, registrations),
  );
}

/** As the bundle's Rego would choose; asked as a trial, since nothing is planned that a log should tell of. */
async function selectionOf(
  bundle: Bundle,
  { content_type }: PolicyCheck,
  registrations: readonly DetectorRegistration[],
): Promise<SelectionDecision | null> {
  const input = inputFor('selection', bundle.policy, registrations, { content_type });
  const [outcome] = await runTrials(bundle, [{ name: content_type, decision: 'selection', input }]);
  return outcome?.kind === 'decision' ? (outcome.value as SelectionDecision) : null;
}

function planned(
  policy: TenantPolicy,
  { content_type }: PolicyCheck,
  registrations: readonly DetectorRegistration[],
  decision: SelectionDecision | null,
  settings: PlanningSettings,
): Plan {
  return planFor({
    request: {
      tenant_id: policy.tenant_id,
      policy_bundle: policy.policy_bundle,
      environment: 'prod',
      content_type,
      priority: 'normal',
    },
    policy,
    policyDigest: '',
    registrations,
    decision,
    decider: decision === null ? 'tenant_policy' : 'opa',
    regoRules: { coverage: false, conflict: false },
    settings,
  });
}

function violationsOf(
  { content_type: contentType, detector_results: given }: PolicyCheck,
  policy: Candidate['policy'],
  plan: Plan | null,
  registrations: readonly { readonly name: string }[],
): PolicyViolation[] {
  const results = (given ?? []).map((result) => detectorResultSchema.parse({ ...silent, ...result }));
  const registered = new Set(registrations.map(({ name }) => name));
  return complianceViolations({ contentType, policy, plan, results, registered });
}

/** What a result need not say. */
const silent = {
  output: null,
  confidence: null,
  metadata: null,
  processing_time_ms: 0,
  error: null,
  findings: [],
  findings_truncated: false,
};

function withViolations(verdict: PolicyVerdict, more: readonly PolicyViolation[]): PolicyVerdict {
  const violations = [...verdict.violations, ...more];
  return { ...verdict, violations, is_valid: isValid(violations) };
}
