import { isSubstitute } from '../contract/detector-result';
import type { ConclaveError } from '../contract/errors';
import type { NoticeChannel } from '../contract/notices';
import type { EndStatus, OrchestrationEnd, OrchestrationFacts } from '../contract/orchestration-end';
import type { ViolationType } from '../contract/policy-validation';
import { forget, type LatestGauge, type Metrics } from './metrics';

const requestBuckets = [50, 100, 200, 500, 1000, 1500, 2000, 3000, 5000, 10_000, 30_000];
const detectorBuckets = [10, 50, 100, 200, 500, 1000, 3000, 5000];
const unknown = 'unknown';

/** Whether a tenant, and a bundle of it, are there: names that a caller makes up are no labels. */
export type IsKnown = (tenantId: string, bundle: string) => boolean;

/** Series of orchestrations; names and labels are locked (spec/orchestration.md 8). */
export class OrchestrationMetrics {
  readonly #requests;
  readonly #duration;
  readonly #durationSync;
  readonly #durationAsync;
  readonly #byContentType;
  readonly #latency;
  readonly #retries;
  readonly #coverage: LatestGauge<'tenant' | 'policy'>;
  readonly #enforcement;
  readonly #cache;
  readonly #mapper;
  readonly #jobs;
  readonly #suppressed;
  readonly #callbacks;
  readonly #notices;
  /** An error may come by more than once on its way out. */
  readonly #refused = new WeakSet<object>();

  constructor(
    metrics: Metrics,
    private readonly isKnown: IsKnown,
  ) {
    this.#requests = metrics.counter('orchestrate_requests_total', 'Requests at their end', [
      'tenant',
      'policy',
      'status',
    ]);
    this.#duration = metrics.histogram(
      'orchestrate_request_duration_ms',
      'From receipt to the end',
      ['tenant', 'policy'],
      requestBuckets,
    );
    this.#durationSync = metrics.histogram(
      'orchestrate_request_duration_sync_ms',
      'Of requests that were answered at once',
      [],
      requestBuckets,
    );
    this.#durationAsync = metrics.histogram(
      'orchestrate_request_duration_async_ms',
      'Of requests that were jobs, or became jobs',
      [],
      requestBuckets,
    );
    this.#byContentType = metrics.counter(
      'orchestrator_requests_by_content_type_total',
      'Requests at their end by type of content',
      ['tenant', 'content_type', 'status'],
    );
    this.#latency = metrics.histogram(
      'detector_latency_ms',
      'Of a detector for one content, with its repetitions',
      ['detector', 'status'],
      detectorBuckets,
    );
    this.#retries = metrics.counter('detector_retries_total', 'Attempts after the first', ['detector']);
    this.#coverage = metrics.latest(
      'coverage_achieved',
      'Of the request that finished last',
      ['tenant', 'policy'],
      ({ tenant, policy }) => isKnown(tenant, policy),
    );
    this.#enforcement = metrics.counter('policy_enforcement_total', 'What policies came to', [
      'tenant',
      'policy',
      'status',
      'violation_type',
    ]);
    this.#cache = metrics.counter('cache_operations_total', 'Of the response cache', [
      'operation',
      'result',
      'tenant',
    ]);
    this.#mapper = metrics.counter('orchestrator_mapper_requests_total', 'Mappings asked for', [
      'tenant',
      'outcome',
    ]);
    this.#jobs = metrics.counter('orchestrator_async_jobs_completed_total', 'Jobs at their end', ['status']);
    this.#suppressed = metrics.counter(
      'orchestrator_findings_suppressed_total',
      'Findings that an allow-list has let go by',
      ['tenant', 'detector'],
    );
    this.#callbacks = metrics.counter(
      'orchestrator_callbacks_total',
      'Attempts to tell receivers of jobs, by what came of them',
      ['result'],
    );
    this.#notices = metrics.counter(
      'orchestrator_notifications_total',
      'Attempts to tell operators what has happened, by what came of them',
      ['channel', 'result'],
    );
  }

  ended({ tenantId: tenant, status, isJob, ms, facts }: OrchestrationEnd): void {
    const policy = facts?.policyBundle ?? unknown;
    this.#requests.inc({ tenant, policy, status });
    this.#duration.observe({ tenant, policy }, ms);
    (isJob ? this.#durationAsync : this.#durationSync).observe(ms);
    if (isJob) this.#jobs.inc({ status: jobStatus(status) });
    if (facts) this.#known(tenant, status, facts);
  }

  /** Answered with an error before anything ran: refused (4xx), or the service could not take it. */
  refused(
    error: ConclaveError,
    request?: { readonly tenant_id: string; readonly policy_bundle: string },
  ): void {
    if (this.#refused.has(error)) return;
    this.#refused.add(error);
    const isKnown = request && this.isKnown(request.tenant_id, request.policy_bundle);
    const [tenant, policy] = isKnown ? [request.tenant_id, request.policy_bundle] : [unknown, unknown];
    this.#requests.inc({ tenant, policy, status: statusOf(error) });
    if (error.detail === 'policy_denied')
      this.#enforcement.inc({ tenant, policy, status: 'violated', violation_type: 'policy_denied' });
  }

  /** A judgement of results, or of a bundle that is not in force, by what it found. */
  judged(tenantId: string, bundle: string, violations: readonly ViolationType[]): void {
    const isKnown = this.isKnown(tenantId, bundle);
    const who = isKnown ? { tenant: tenantId, policy: bundle } : { tenant: unknown, policy: unknown };
    if (violations.length === 0)
      this.#enforcement.inc({ ...who, status: 'enforced', violation_type: 'none' });
    for (const violation_type of violations)
      this.#enforcement.inc({ ...who, status: 'violated', violation_type });
  }

  cacheUsed(operation: 'get' | 'set' | 'invalidate', result: 'hit' | 'miss', tenant: string): void {
    this.#cache.inc({ operation, result, tenant });
  }

  calledBack(result: 'delivered' | 'retried' | 'failed'): void {
    this.#callbacks.inc({ result });
  }

  notified(channel: NoticeChannel, result: 'delivered' | 'retried' | 'failed'): void {
    this.#notices.inc({ channel, result });
  }

  /** Detectors that no version is registered of any more. */
  async forget(detectors: readonly string[]): Promise<void> {
    await forget(this.#latency, 'detector', detectors);
    await forget(this.#retries, 'detector', detectors);
    await forget(this.#suppressed, 'detector', detectors);
  }

  #known(tenant: string, status: EndStatus, facts: OrchestrationFacts): void {
    const policy = facts.policyBundle;
    this.#byContentType.inc({ tenant, content_type: facts.contentType, status });
    for (const result of facts.results) {
      const { detector, status: how, processing_time_ms: took, metadata } = result;
      // Nobody was asked, or it is not the one that answered.
      if (how === 'skipped' || how === 'unavailable' || isSubstitute(result)) continue;
      this.#latency.observe({ detector, status: how }, took);
      const attempts = Number(metadata?.['attempts'] ?? 1);
      if (attempts > 1) this.#retries.inc({ detector }, attempts - 1);
    }
    for (const [detector, findings] of Object.entries(facts.suppressed ?? {}))
      this.#suppressed.inc({ tenant, detector }, findings);
    if (facts.mapping === 'mapped' || facts.mapping === 'failed')
      this.#mapper.inc({ tenant, outcome: facts.mapping === 'mapped' ? 'success' : 'failure' });
    if (status === 'cancelled' || facts.coverage === null) return;
    this.#coverage.set({ tenant, policy }, facts.coverage);
    this.#enforcement.inc({ tenant, policy, ...enforcementOf(facts) });
  }
}

function statusOf({ code, status }: ConclaveError): EndStatus | 'rejected' {
  if (code === 'REQUEST_TIMEOUT') return 'timeout';
  return status < 500 ? 'rejected' : 'error';
}

function enforcementOf({ isCovered, policyFallback }: OrchestrationFacts) {
  if (!isCovered) return { status: 'violated', violation_type: 'coverage_below_threshold' };
  return { status: 'enforced', violation_type: policyFallback ?? 'none' };
}

function jobStatus(status: EndStatus): 'completed' | 'failed' | 'cancelled' {
  if (status === 'success' || status === 'partial') return 'completed';
  return status === 'cancelled' ? 'cancelled' : 'failed';
}
