import { noCounts } from '../../../src/domain/breaker';
import { GatewayMetrics } from '../../../src/telemetry/gateway-metrics';
import { Metrics } from '../../../src/telemetry/metrics';
import { UpstreamMetrics } from '../../../src/telemetry/upstream-metrics';
import { type SeenUpstream, showUpstreams } from '../../../src/telemetry/upstream-views';

const upstream = (endpointId: string, fields: Partial<SeenUpstream> = {}): SeenUpstream => ({
  endpointId,
  kind: 'http',
  status: 'active',
  detector: null,
  isUp: true,
  breaker: 'closed',
  counts: noCounts,
  stateChangedAt: null,
  ...fields,
});

describe('The series of upstreams', () => {
  let metrics: Metrics;
  let upstreams: SeenUpstream[];
  let version: string | null;
  let counts: UpstreamMetrics;
  beforeEach(() => {
    metrics = new Metrics();
    [upstreams, version] = [[], null];
    counts = new UpstreamMetrics(metrics);
    showUpstreams(metrics, { upstreams: () => upstreams, configVersion: () => version });
  });
  const lines = async () => (await metrics.page()).split('\n');

  it('show how many there are, by status and by kind [R9]', async () => {
    upstreams = [
      upstream('a'),
      upstream('b', { status: 'unhealthy' }),
      upstream('c@1', { kind: 'detector' }),
    ];
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'gateway_registry_endpoints{status="active"} 2',
        'gateway_registry_endpoints{status="unhealthy"} 1',
        'gateway_registry_endpoints{status="disabled"} 0',
        'gateway_registry_endpoints_by_kind{kind="detector",status="active"} 1',
      ]),
    );
  });

  it('count changes of the registry, and reloads of its file [R9] [C4]', async () => {
    counts.operated('register', 'success', 2);
    counts.operated('unregister', 'refused');
    counts.operated('update', 'success', 0);
    counts.reloaded('success');
    counts.reloaded('failure');
    version = '2-0123456789ab';
    const page = await lines();
    expect(page).toEqual(
      expect.arrayContaining([
        'gateway_registry_operations_total{operation="register",outcome="success"} 2',
        'gateway_registry_operations_total{operation="unregister",outcome="refused"} 1',
        'gateway_config_reloads_total{outcome="success"} 1',
        'gateway_config_reloads_total{outcome="failure"} 1',
        'orchestrator_config_reload_total{source="registry_file",result="failure"} 1',
        'gateway_config_info{version="2-0123456789ab"} 1',
      ]),
    );
    expect(page.filter((line) => line.includes('operation="update"'))).toEqual([]);
    version = '3-ba9876543210';
    expect((await lines()).filter((line) => line.startsWith('gateway_config_info'))).toEqual([
      'gateway_config_info{version="3-ba9876543210"} 1',
    ]);
  });

  it('show breakers as the contract numbers their states, and what they did [B7] [4.2]', async () => {
    const seen = { ...noCounts, successes: 5, failures: 1, prevented: 3 };
    upstreams = [
      upstream('web', { breaker: 'open', counts: seen, stateChangedAt: 1_700_000_000_500 }),
      upstream('a@1.0', { kind: 'detector', detector: 'a' }),
      upstream('a@1.1', { kind: 'detector', detector: 'a', breaker: 'half_open' }),
      upstream('a@0.9', { kind: 'detector', detector: 'a', breaker: 'open', status: 'disabled' }),
    ];
    counts.breakerMoved('web', { from: 'closed', to: 'open' });
    counts.fellBack('web', 'redirect');
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'gateway_circuit_breaker_state{endpoint_id="web"} 1',
        'gateway_circuit_breaker_state{endpoint_id="a@1.0"} 0',
        'gateway_circuit_breaker_state{endpoint_id="a@1.1"} 2',
        'circuit_breaker_state{detector="a",state="closed"} 0',
        'circuit_breaker_state{detector="a",state="open"} 0',
        'circuit_breaker_state{detector="a",state="half_open"} 1',
        'gateway_circuit_breaker_calls_total{endpoint_id="web",outcome="success"} 5',
        'gateway_circuit_breaker_calls_total{endpoint_id="web",outcome="failure"} 1',
        'gateway_circuit_breaker_calls_total{endpoint_id="web",outcome="prevented"} 3',
        'gateway_circuit_breaker_effectiveness{endpoint_id="web"} 0.75',
        'gateway_circuit_breaker_state_changed_timestamp_seconds{endpoint_id="web"} 1700000000.5',
        'gateway_circuit_breaker_transitions_total{endpoint_id="web",from="closed",to="open"} 1',
        'gateway_circuit_breaker_fallbacks_total{endpoint_id="web",strategy="redirect"} 1',
      ]),
    );
  });

  it('show health, and count checks, changes and alerts [H7]', async () => {
    upstreams = [
      upstream('web', { isUp: false }),
      upstream('a@1.0', { kind: 'detector', detector: 'a', isUp: false, status: 'unhealthy' }),
      upstream('a@1.1', { kind: 'detector', detector: 'a' }),
    ];
    const check = { endpointId: 'a@1.0', detector: 'a', ok: true, responseMs: 7, alerts: false };
    counts.checked({ ...check, from: 'unknown', to: 'healthy' });
    counts.checked({ ...check, from: 'healthy', to: 'healthy', ok: false, responseMs: null, alerts: true });
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'gateway_endpoint_up{endpoint_id="web"} 0',
        'gateway_endpoint_up{endpoint_id="a@1.1"} 1',
        'detector_health_status{detector="a"} 1',
        'gateway_health_checks_total{endpoint_id="a@1.0",outcome="success"} 1',
        'gateway_health_checks_total{endpoint_id="a@1.0",outcome="failure"} 1',
        'gateway_health_check_duration_seconds_count{endpoint_id="a@1.0"} 1',
        'detector_health_check_duration_ms_count{detector="a"} 1',
        'gateway_health_status_changes_total{endpoint_id="a@1.0",from="unknown",to="healthy"} 1',
        'gateway_health_alerts_total{endpoint_id="a@1.0"} 1',
      ]),
    );
  });

  it('go with the upstream, so that labels do not pile up', async () => {
    const gateway = new GatewayMetrics(metrics);
    const routed = { method: 'GET', status: 502, code: 'UPSTREAM_TIMEOUT', seconds: 1 };
    gateway.began();
    gateway.ended({ endpointId: 'web', ...routed });
    counts.breakerMoved('web', { from: 'closed', to: 'open' });
    const check = { ok: false, responseMs: 3, from: 'unknown', to: 'healthy', alerts: true };
    counts.checked({ endpointId: 'web', detector: 'web', ...check });
    counts.checked({ endpointId: 'other', detector: 'other', ...check });
    expect(await metrics.page()).toContain('"web"');
    await gateway.forget(['web']);
    await counts.forget(['web'], ['web']);
    const page = await metrics.page();
    expect(page).not.toContain('"web"');
    expect(page).toContain('gateway_health_checks_total{endpoint_id="other",outcome="failure"} 1');
    expect(page).toContain('detector_health_check_duration_ms_count{detector="other"} 1');
  });

  it('name no tenant', async () => {
    upstreams = [
      upstream('acme:a@1.0', { kind: 'detector', detector: 'a' }),
      upstream('globex:a@1.0', { kind: 'detector', detector: 'a', breaker: 'open', isUp: false }),
    ];
    counts.breakerMoved('acme:a@1.0', { from: 'closed', to: 'open' });
    const page = await metrics.page();
    expect(page).not.toMatch(/acme|globex/);
    expect(page).toContain('gateway_circuit_breaker_state{endpoint_id="own:a@1.0"} 1');
    expect(page).toContain('gateway_endpoint_up{endpoint_id="own:a@1.0"} 0');
  });

  it('come with those of the process and its event loop', async () => {
    const page = await metrics.page();
    expect(page).toContain('process_cpu_seconds_total');
    expect(page).toContain('nodejs_eventloop_lag_seconds');
  });
});
