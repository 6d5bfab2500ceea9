import { readFileSync } from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import { describeFault, parseRegistryFile } from '../../../src/registry/registry-file';

const endpoint = 'http://127.0.0.1:9';

function entriesOf(text: string, environment = {}) {
  const parsed = parseRegistryFile(text, environment);
  if (!parsed.ok) throw new Error(parsed.faults.map(describeFault).join('\n'));
  return parsed.file;
}
const load = (document: object) => entriesOf(stringify(document));
function faultsOf(document: object | string): string {
  const parsed = parseRegistryFile(typeof document === 'string' ? document : stringify(document), {});
  return parsed.ok ? '' : parsed.faults.map(describeFault).join('\n');
}

describe('parseRegistryFile', () => {
  it('fills in the defaults of detectors [C1]', () => {
    const { detector } = load({ detectors: [{ name: 'a', endpoint }] }).entries[0]!;
    expect(detector).toMatchObject({
      name: 'a',
      version: '1.0',
      protocol: 'detectors-api',
      auth_type: 'none',
      timeout_ms: 5000,
      max_retries: 2,
      health_check_path: '/health',
      priority_weight: 1,
      traffic_percent: 100,
      tenant_scope: 'shared',
      capabilities: { supported_content_types: ['text'], max_content_length: 50_000 },
      score_normalization: { method: 'identity' },
    });
  });

  it('fills in the defaults of every other endpoint [C1]', () => {
    const [entry] = load({ endpoints: [{ url: 'https://llm.example/v1', name: 'llm' }] }).entries;
    expect(entry).toMatchObject({ endpoint_id: 'llm', kind: 'http', detector: null });
    expect(entry!.endpoint).toMatchObject({
      kind: 'http',
      methods: ['GET'],
      auth_type: 'none',
      disabled: false,
      timeout: 30,
      idle_timeout: 30,
      connect_timeout: 5,
      retries: 0,
      stream: false,
      max_body_bytes: 10_485_760,
      follow_redirects: false,
      sla_ms: null,
      cost_per_call: 0,
      llm_server: null,
      description: null,
      tags: [],
      health_check: {
        enabled: true,
        type: 'http_get',
        interval: 30,
        timeout: 10,
        unhealthy_threshold: 3,
        unhealthy_interval: 10,
        healthy_threshold: 2,
        backoff_after: 6,
        backoff_multiplier: 2,
        max_interval: 300,
        retries: 0,
        retry_delay: 1,
        history_size: 100,
        remove_unhealthy: true,
        remove_after: 0,
        alert_threshold: 5,
      },
      circuit_breaker: {
        window_type: 'consecutive',
        failure_threshold: 5,
        window_seconds: 60,
        minimum_calls: 10,
        failure_rate_threshold: 0.5,
        reset_timeout: 60,
        recovery: 'fixed',
        half_open_max_calls: 3,
        half_open_successes: 1,
        failure_statuses: ['5xx'],
        fallback_strategy: 'error_response',
        fallback_status: 200,
        fallback_response: null,
        cache_ttl: 300,
        cache_max_entries: 100,
        cache_max_bytes: 10_240,
        reset_on_healthy: true,
        trip_on_unhealthy: false,
      },
    });
  });

  it('names entries by name, version and tenant, and unnamed ones by their address', () => {
    const ids = load({
      detectors: [
        { name: 'a', endpoint, version: '2.1' },
        { name: 'a', endpoint, tenant_scope: 'own', tenant_id: 'acme' },
      ],
      endpoints: [
        { url: 'https://one.example', name: 'one', version: '1.0' },
        { url: 'https://TWO.example:443/' },
      ],
    }).entries.map(({ endpoint_id: id }) => id);
    expect(ids).toEqual(['a@2.1', 'acme:a@1.0', 'one@1.0', expect.stringMatching(/^endpoint_[0-9a-f]{12}$/)]);
    const plain = load({ endpoints: [{ url: 'https://two.example' }] });
    expect(plain.entries[0]!.endpoint_id).toBe(ids[3]);
  });

  it('has one digest for one content, however it is written [C4]', () => {
    const block = 'detectors:\n  - name: a # a comment\n    endpoint: http://127.0.0.1:9\n';
    const flow = '{ detectors: [ { endpoint: "http://127.0.0.1:9", name: a } ] }';
    expect(entriesOf(block).digest).toBe(entriesOf(flow).digest);
    expect(entriesOf(block.replace('name: a', 'name: b')).digest).not.toBe(entriesOf(flow).digest);
  });

  it.each([
    ['an unknown key', { endpoint, speed: 9 }, 'detectors.0'],
    ['another scheme', { endpoint: 'ftp://x' }, 'detectors.0.endpoint'],
    ['no address', {}, 'detectors.0.endpoint'],
    ['a timeout out of bounds', { endpoint, timeout_ms: 99 }, 'detectors.0.timeout_ms'],
    ['too many retries', { endpoint, max_retries: 6 }, 'detectors.0.max_retries'],
    ['http-json without a mapping', { endpoint, protocol: 'http-json' }, 'detectors.0.http'],
    [
      'a scale without extent',
      { endpoint, score_normalization: { method: 'min_max', min: 1, max: 1 } },
      'max must be',
    ],
    ['own without a tenant', { endpoint, tenant_scope: 'own' }, 'detectors.0.tenant_id'],
    ['a tenant on a shared one', { endpoint, tenant_id: 'acme' }, 'detectors.0.tenant_id'],
  ])('refuses a detector with %s, with its place', (_name, fault, place) => {
    expect(faultsOf({ detectors: [{ name: 'a', ...fault }] })).toContain(place);
  });

  const url = 'https://x.example';
  it.each([
    ['url', {}],
    ['url', { url: 'ftp://x' }],
    ['url', { url: 'https://me@x.example' }],
    ['url', { url: 'https://x.example/#top' }],
    ['url', { url: `https://x.example/${'a'.repeat(2048)}` }],
    ['name', { url, name: 'a b' }],
    ['version', { url, version: 'next' }],
    ['kind', { url, kind: 'database' }],
    ['kind', { url, kind: 'detector' }],
    ['group', { url, group: 'A' }],
    ['methods', { url, methods: [] }],
    ['methods.0', { url, methods: ['TRACE'] }],
    ['auth_type', { url, auth_type: 'ntlm' }],
    ['timeout', { url, timeout: 301 }],
    ['idle_timeout', { url, idle_timeout: 0 }],
    ['connect_timeout', { url, connect_timeout: 0 }],
    ['retries', { url, retries: 6 }],
    ['max_body_bytes', { url, max_body_bytes: 0 }],
    ['sla_ms', { url, sla_ms: -1 }],
    ['cost_per_call', { url, cost_per_call: -1 }],
    ['llm_server', { url, llm_server: 'gpt' }],
    ['health_check.interval', { url, health_check: { interval: 4 } }],
    ['health_check.timeout', { url, health_check: { timeout: 61 } }],
    ['health_check.unhealthy_threshold', { url, health_check: { unhealthy_threshold: 0 } }],
    ['health_check.expected_status.0', { url, health_check: { expected_status: ['6xx'] } }],
    ['circuit_breaker.failure_threshold', { url, circuit_breaker: { failure_threshold: 0 } }],
    ['circuit_breaker.reset_timeout', { url, circuit_breaker: { reset_timeout: 3601 } }],
    ['circuit_breaker.half_open_successes', { url, circuit_breaker: { half_open_successes: 4 } }],
    ['circuit_breaker.redirect_url', { url, circuit_breaker: { fallback_strategy: 'redirect' } }],
  ])('refuses an endpoint for its %s: %j [C1]', (place, fault) => {
    expect(faultsOf({ endpoints: [fault] })).toContain(`endpoints.0.${place}: `);
  });

  it('names all faults at once, each with line and column [C2]', () => {
    const faults = faultsOf(`detectors:
  - name: a
    endpoint: x
  - name: b
    endpoint: http://127.0.0.1:9
    timeout_ms: fast
`);
    expect(faults).toMatch(/detectors\.0\.endpoint: .* \(line 3, column 15\)/);
    expect(faults).toMatch(/detectors\.1\.timeout_ms: .* \(line 6, column 17\)/);
  });

  it.each([
    ['a list that is not closed', 'detectors: [', /line 1, column \d+/],
    ['a key given twice', 'detectors: []\ndetectors: []\n', /line 2, column 1/],
    ['a tag that runs code', 'detectors: !!js/function "x"', /line 1, column \d+/],
    ['nothing', '', /expected object/],
  ])('refuses %s [C2]', (_name, text, message) => {
    expect(faultsOf(text)).toMatch(message);
  });

  it('refuses ids and addresses that are there twice, and detectors that wait for each other', () => {
    const twice = [
      { name: 'a', endpoint },
      { name: 'a', endpoint },
    ];
    expect(faultsOf({ detectors: twice })).toContain('a@1.0 is registered twice');
    const cycle = ['a', 'b'].map((name) => ({ name, endpoint, depends_on: [name === 'a' ? 'b' : 'a'] }));
    expect(faultsOf({ detectors: cycle })).toContain('a -> b -> a');
    const sameName = [
      { url, name: 'one' },
      { url: 'https://y.example', name: 'one' },
    ];
    expect(faultsOf({ endpoints: sameName })).toContain('one is there twice');
    const sameUrl = [
      { url, name: 'one' },
      { url: 'https://X.example:443/', name: 'two' },
    ];
    expect(faultsOf({ endpoints: sameUrl })).toContain('one has the same address');
  });

  it('wants the versions of a name to share all its traffic', () => {
    const versions = (...percents: number[]) => ({
      detectors: percents.map((percent, index) => ({
        name: 'a',
        endpoint,
        version: `${index + 1}.0`,
        traffic_percent: percent,
      })),
    });
    expect(load(versions(95, 5)).entries).toHaveLength(2);
    expect(faultsOf(versions(100, 100))).toContain('sums to 200, must be 100');
    expect(load(versions(50)).entries).toHaveLength(1);
  });

  it('fills in variables, and names those that are not set without showing any value', () => {
    const text = (value: string) => `endpoints: [{ url: "https://${value}/", name: a }]`;
    expect(entriesOf(text('${HOST}'), { HOST: 'h.example' }).entries[0]!.endpoint!.url).toBe(
      'https://h.example/',
    );
    expect(entriesOf(text('${HOST:-other.example}')).entries[0]!.endpoint!.url).toBe(
      'https://other.example/',
    );
    expect(faultsOf(text('${HOST}'))).toMatch(/endpoints\.0\.url: the variable HOST is not set \(line 1/);
  });

  it.each(['detectors.yaml', 'detectors.example.yaml'])('takes the sample config/%s [C9]', (name) => {
    const file = path.join(__dirname, '..', '..', '..', 'config', name);
    const { entries } = entriesOf(readFileSync(file, 'utf8'));
    expect(entries.length).toBeGreaterThanOrEqual(5);
  });
});
