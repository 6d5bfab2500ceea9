import type { OrchestrationEnd, OrchestrationFacts } from '../../../src/contract/orchestration-end';
import { ConclaveError } from '../../../src/contract/errors';
import { Metrics } from '../../../src/telemetry/metrics';
import { OrchestrationMetrics } from '../../../src/telemetry/orchestration-metrics';

const facts: OrchestrationFacts = {
  policyBundle: 'default',
  contentType: 'text',
  coverage: 1,
  isCovered: true,
  policyFallback: null,
  mapping: 'mapped',
  results: [
    { detector: 'a', status: 'success', processing_time_ms: 42, metadata: { attempts: 3 } },
    { detector: 'b', status: 'unavailable', processing_time_ms: 0, metadata: null },
  ],
};
const end = (fields: Partial<OrchestrationEnd> = {}): OrchestrationEnd => ({
  tenantId: 'acme',
  status: 'success',
  isJob: false,
  ms: 120,
  facts,
  ...fields,
});

describe('The series of orchestrations', () => {
  let metrics: Metrics;
  let counts: OrchestrationMetrics;
  beforeEach(() => {
    metrics = new Metrics();
    counts = new OrchestrationMetrics(metrics, (tenant, bundle) => `${tenant}/${bundle}` === 'acme/default');
  });
  const lines = async () => (await metrics.page()).split('\n');

  it('count every request once, at its end, with its time [10.1]', async () => {
    counts.ended(end());
    counts.ended(
      end({ status: 'partial', isJob: true, facts: { ...facts, coverage: 0.5, isCovered: false } }),
    );
    counts.ended(end({ status: 'cancelled', isJob: true }));
    counts.ended(end({ status: 'error', facts: null }));
    const page = await lines();
    expect(page).toEqual(
      expect.arrayContaining([
        'orchestrate_requests_total{tenant="acme",policy="default",status="success"} 1',
        'orchestrate_requests_total{tenant="acme",policy="default",status="partial"} 1',
        'orchestrate_requests_total{tenant="acme",policy="default",status="cancelled"} 1',
        'orchestrate_requests_total{tenant="acme",policy="unknown",status="error"} 1',
        'orchestrate_request_duration_ms_bucket{le="200",tenant="acme",policy="default"} 3',
        'orchestrate_request_duration_sync_ms_count 2',
        'orchestrate_request_duration_async_ms_count 2',
        'orchestrator_requests_by_content_type_total{tenant="acme",content_type="text",status="success"} 1',
        'orchestrator_async_jobs_completed_total{status="completed"} 1',
        'orchestrator_async_jobs_completed_total{status="cancelled"} 1',
        'orchestrator_mapper_requests_total{tenant="acme",outcome="success"} 3',
        'coverage_achieved{tenant="acme",policy="default"} 0.5',
        'policy_enforcement_total{tenant="acme",policy="default",status="enforced",violation_type="none"} 1',
        'policy_enforcement_total{tenant="acme",policy="default",status="violated",violation_type="coverage_below_threshold"} 1',
      ]),
    );
  });

  it('time detectors that were asked, and count their repetitions [10.1]', async () => {
    counts.ended(end());
    const page = await lines();
    expect(page).toEqual(
      expect.arrayContaining([
        'detector_latency_ms_bucket{le="50",detector="a",status="success"} 1',
        'detector_latency_ms_bucket{le="10",detector="a",status="success"} 0',
        'detector_retries_total{detector="a"} 2',
      ]),
    );
    expect(page.filter((line) => line.includes('detector="b"'))).toEqual([]);
  });

  it('time nothing that came from a memory or a default in the place of a detector', async () => {
    const standIn = { for: ['c'], cause: 'outage' as const, error: 'circuit_open' };
    const judged = { detector: 'c', status: 'success', processing_time_ms: 1 } as const;
    const metadata = { attempts: 3 };
    const results = [
      { ...judged, metadata, stand_in: { ...standIn, strategy: 'default', age_seconds: null } },
      { ...judged, metadata, stand_in: { ...standIn, strategy: 'cached', age_seconds: 5 } },
    ] as const;
    counts.ended(end({ facts: { ...facts, results } }));
    expect(await metrics.page()).not.toContain('detector="c"');
    const redirected = { ...standIn, strategy: 'redirect', age_seconds: null } as const;
    counts.ended(end({ facts: { ...facts, results: [{ ...judged, metadata, stand_in: redirected }] } }));
    expect(await lines()).toContain('detector_latency_ms_count{detector="c",status="success"} 1');
  });

  it.each(['opa_unavailable', 'opa_invalid_decision'] as const)(
    'tell why static rules stood in for Rego: %s',
    async (policyFallback) => {
      counts.ended(end({ facts: { ...facts, policyFallback } }));
      expect(await lines()).toContain(
        `policy_enforcement_total{tenant="acme",policy="default",status="enforced",violation_type="${policyFallback}"} 1`,
      );
    },
  );

  it('go with the detector, and with the bundle', async () => {
    const [a] = facts.results;
    counts.ended(end({ facts: { ...facts, results: [a!, { ...a!, detector: 'left' }] } }));
    counts.ended(end({ facts: { ...facts, policyBundle: 'gone' } }));
    await counts.forget(['a']);
    const page = await metrics.page();
    expect(page).not.toContain('detector="a"');
    expect(page).toContain('detector_latency_ms_count{detector="left",status="success"} 1');
    expect(page).toContain('detector_retries_total{detector="left"} 2');
    expect(page).toContain('coverage_achieved{tenant="acme",policy="default"} 1');
    expect(page).not.toContain('coverage_achieved{tenant="acme",policy="gone"}');
  });

  it('count what is refused once, under names that are known', async () => {
    const known = { tenant_id: 'acme', policy_bundle: 'default' };
    const denied = new ConclaveError('INSUFFICIENT_RBAC', 'no', { detail: 'policy_denied' });
    counts.refused(denied, known);
    counts.refused(denied, known);
    counts.refused(new ConclaveError('POLICY_NOT_FOUND', 'no'), { tenant_id: 'evil', policy_bundle: 'x' });
    counts.refused(new ConclaveError('INVALID_REQUEST', 'no'));
    counts.refused(new ConclaveError('INTERNAL_ERROR', 'away'), known);
    counts.refused(new ConclaveError('REQUEST_TIMEOUT', 'late'), known);
    const page = await lines();
    expect(page).toEqual(
      expect.arrayContaining([
        'orchestrate_requests_total{tenant="acme",policy="default",status="rejected"} 1',
        'orchestrate_requests_total{tenant="unknown",policy="unknown",status="rejected"} 2',
        'orchestrate_requests_total{tenant="acme",policy="default",status="error"} 1',
        'orchestrate_requests_total{tenant="acme",policy="default",status="timeout"} 1',
        'policy_enforcement_total{tenant="acme",policy="default",status="violated",violation_type="policy_denied"} 1',
      ]),
    );
    expect(page.join()).not.toContain('evil');
  });

  it('count uses of the cache', async () => {
    counts.cacheUsed('get', 'miss', 'acme');
    counts.cacheUsed('set', 'hit', 'acme');
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'cache_operations_total{operation="get",result="miss",tenant="acme"} 1',
        'cache_operations_total{operation="set",result="hit",tenant="acme"} 1',
      ]),
    );
  });
});
