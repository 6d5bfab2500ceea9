import { randomBytes, randomUUID } from 'node:crypto';
import type { DetectorResult } from '../contract/detector-result';
import type { ContentType } from '../contract/enums';
import type { Member, PlannedDetector } from '../contract/plan';
import { tenantPolicySchema } from '../contract/policy';
import type { DetectorRegistration } from '../contract/registration';
import { codePointLength } from '../contract/text';
import { planFor } from '../domain/plan';
import { DetectorCallError } from './call-error';
import { defaultCanary } from './canary-samples';
import type { DetectorCaller } from './detector-caller';

const harmless = 'The weather in Lisbon is mild today.';
const longestMs = 10_000;

/** What a detector made of a sample. */
export interface Tried {
  readonly result: DetectorResult | null;
  /** Why it is not to be relied on; null: it is. */
  readonly reason: string | null;
}

/**
 * Has a detector judge a sample that it must flag (docs/registry.md): one behind a wrong template or a wrong address
 * answers, but finds nothing in anything. Images are not tried.
 */
export async function tryCanary(caller: DetectorCaller, registration: DetectorRegistration): Promise<Tried> {
  const contentType = registration.capabilities.supported_content_types.find((type) => type !== 'image');
  if (contentType === undefined) return { result: null, reason: null };
  const content = registration.canary?.content ?? defaultCanary(registration);
  const tried = await trySample(caller, registration, content ?? harmless, contentType);
  if (tried.reason !== null || content === null) return tried;
  return { ...tried, reason: misses(tried.result!, registration) };
}

/** One call as an orchestration makes it. */
export async function trySample(
  caller: DetectorCaller,
  registration: DetectorRegistration,
  content: string,
  contentType: ContentType,
): Promise<Tried> {
  const detector = plannedAlone(registration, contentType);
  const member = memberFor(content);
  const signal = AbortSignal.timeout(Math.min(registration.timeout_ms, longestMs));
  try {
    const results = await caller.call(
      detector,
      [member],
      {
        runId: `canary-${member.request_id}`,
        tenantId: registration.tenant_id ?? probeTenant,
        contentType,
        fingerprintKey: randomBytes(32),
        startedAt: member.received_at,
        attempt: 1,
        wanted: () => true,
        answered: () => undefined,
      },
      signal,
    );
    const result = results.get(member.request_id)!;
    const failed = result.status === 'success' ? null : `it answered a sample with ${result.error}`;
    return { result, reason: failed };
  } catch (error) {
    return { result: null, reason: failureOf(error, signal) };
  }
}

const probeTenant = 'conclave';

function failureOf(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'it did not answer a sample in time';
  if (error instanceof DetectorCallError)
    return `a sample could not be judged: ${error.failure}: ${error.message}`;
  return `a sample could not be sent (${(error as Error).name})`;
}

function misses(result: DetectorResult, { canary }: DetectorRegistration): string | null {
  const labels = [result.output, ...result.findings.map(({ label }) => label)];
  if (canary?.expect) {
    if (canary.expect.some((label) => labels.includes(label))) return null;
    return `it did not find ${canary.expect.join(' or ')} in its canary; it said ${result.output}`;
  }
  if (result.output !== null && !benign.has(result.output.toLowerCase())) return null;
  return `it said ${result.output} of a sample that it must flag`;
}

const benign = new Set(['clean', 'safe', 'none', 'no_pii', 'ok', 'benign']);

/** As the planner would have it called, if a policy asked for nothing else. */
function plannedAlone(registration: DetectorRegistration, contentType: ContentType): PlannedDetector {
  const { name } = registration;
  const plan = planFor({
    request: {
      tenant_id: registration.tenant_id ?? probeTenant,
      policy_bundle: 'canary',
      environment: 'dev',
      content_type: contentType,
      priority: 'normal',
    },
    policy: tenantPolicySchema.parse({
      tenant_id: registration.tenant_id ?? probeTenant,
      policy_bundle: 'canary',
      required_detectors: [name],
      coverage_calculation: { calculation_method: 'required_set' },
    }),
    policyDigest: '',
    registrations: [{ ...registration, depends_on: [] }],
    decision: null,
    decider: 'tenant_policy',
    regoRules: { coverage: false, conflict: false },
    settings: {
      mappingEnabled: false,
      mapperBudgetMs: 0,
      maxConcurrentDetectors: 1,
      versionInfo: { taxonomy: '', frameworks: '', model: 'none' },
    },
  });
  return plan.detectors[0]!;
}

function memberFor(content: string): Member {
  const now = Date.now();
  const deadline = now + longestMs;
  return {
    request_id: randomUUID(),
    correlation_id: randomUUID(),
    traceparent: null,
    mode: 'sync',
    content,
    content_length: codePointLength(content),
    metadata: null,
    idempotency_key: null,
    parent_job_id: null,
    received_at: now,
    convert_at: deadline,
    sla_at: deadline,
    cut_at: deadline,
    deadline_at: deadline,
    routing_tokens: [],
    health_status: {},
    prior_results: [],
  };
}
