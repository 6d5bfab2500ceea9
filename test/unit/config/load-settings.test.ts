import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { explainSetting, loadSettings, SettingsError } from '../../../src/config/load-settings';
import { secretKeys, settingsSchema } from '../../../src/contract/config';

let dir: string;
beforeEach(() => (dir = mkdtempSync(path.join(tmpdir(), 'conclave-settings-'))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const file = (name: string): string => path.join(dir, name);
const write = (name: string, text: string): void => writeFileSync(file(name), text);

/** Loads from the folder of the test, with nothing else in the environment. */
function load(environment: Record<string, string> = {}) {
  return loadSettings({ ORCHESTRATION_CONFIG_PATH: file('settings.yaml'), ...environment });
}

function faultsOf(environment: Record<string, string> = {}): readonly string[] {
  try {
    load(environment);
  } catch (error) {
    if (error instanceof SettingsError) return error.faults;
    throw error;
  }
  return [];
}

describe('Settings [2.1] [F.9]', () => {
  it('name the namespaces of tenants, by tenant, and a bounded number of them', () => {
    write(
      'settings.yaml',
      'workflow: { tenant_namespaces: { acme: conclave-acme, Globex_2: conclave-acme } }',
    );
    const loaded = load();
    expect(loaded.settings.workflow.tenant_namespaces).toEqual({
      acme: 'conclave-acme',
      Globex_2: 'conclave-acme',
    });
    expect(explainSetting(loaded, 'workflow.tenant_namespaces')).toEqual({
      value: '{"acme":"conclave-acme","Globex_2":"conclave-acme"}',
      source: file('settings.yaml'),
    });
    expect(explainSetting(loaded, 'workflow.tenant_namespaces.acme')?.value).toBe('"conclave-acme"');

    write('settings.yaml', 'workflow: { tenant_namespaces: { "ac me": a, acme: "a b" } }');
    expect(faultsOf()).toEqual([
      expect.stringContaining('workflow.tenant_namespaces.ac me'),
      expect.stringContaining('workflow.tenant_namespaces.acme: must be 1-100 letters'),
    ]);

    const many = Array.from({ length: 17 }, (_, n) => `t${n}: n${n}`).join(', ');
    write('settings.yaml', `workflow: { tenant_namespaces: { ${many} } }`);
    expect(faultsOf()).toEqual([expect.stringContaining('must not name more than 16 namespaces')]);
  });

  it('default to the locked numbers', () => {
    write('settings.yaml', '');
    const { settings } = load();
    expect(settings).toEqual(settingsSchema.parse({}));
    expect(settings.orchestration).toMatchObject({
      sync_request_sla_ms: 2000,
      async_request_sla_ms: 30_000,
      mapper_timeout_budget_ms: 500,
      sync_to_async_threshold_ms: 1500,
      priority_sla_overrides: { critical: 1000, low: 5000 },
      max_concurrent_detectors: 10,
      health_check_interval_seconds: 30,
      health_probe_timeout_ms: 2000,
      suspect_probe_interval_seconds: 5,
      degraded_threshold: 2,
      unhealthy_threshold: 3,
      unhealthy_removal_timeout_seconds: 30,
      recovery_check_interval_seconds: 60,
      circuit_breaker_failure_threshold: 5,
      circuit_breaker_recovery_timeout_seconds: 60,
      half_open_test_requests: 3,
      min_detectors_ready: 1,
      default_rate_limit_per_minute: 1000,
      idempotency_retention_hours: 24,
    });
    expect(settings.service).toMatchObject({ environment: 'development', host: '127.0.0.1', port: 8000 });
    expect(settings.policy.decision_timeout_ms).toBe(250);
    expect(settings.mapper.auto_map_results).toBe(true);
    expect(settings.security.max_body_bytes).toBe(10 * 1024 * 1024);
  });

  it('come from the file, then its overlay, then the environment', () => {
    write(
      'settings.yaml',
      'service: { port: 1, host: a, drain_seconds: 1 }\nmonitoring: { log_level: warn }\n',
    );
    write('settings.staging.yaml', 'service: { port: 2, host: b }\n');
    write('settings.production.yaml', 'service: { host: never }\n');
    const loaded = load({ ORCHESTRATION_ENV: 'staging', ORCHESTRATION_PORT: '3' });
    expect(loaded.settings.service).toMatchObject({
      environment: 'staging',
      port: 3,
      host: 'b',
      drain_seconds: 1,
    });
    expect(explainSetting(loaded, 'service.port')).toEqual({ value: '3', source: 'ORCHESTRATION_PORT' });
    expect(explainSetting(loaded, 'service.host')?.source).toBe(file('settings.staging.yaml'));
    expect(explainSetting(loaded, 'service.drain_seconds')?.source).toBe(file('settings.yaml'));
    expect(explainSetting(loaded, 'workflow.namespace')).toEqual({ value: '"default"', source: 'default' });
  });

  it('choose the overlay by the environment that the file names', () => {
    write('settings.yaml', 'service: { environment: staging }\n');
    write('settings.staging.yaml', 'service: { port: 7 }\n');
    expect(load().settings.service.port).toBe(7);
  });

  it('have a long variable for every key and short ones for the common', () => {
    write('settings.yaml', '');
    const { settings } = load({
      ORCHESTRATION_ORCHESTRATION__PRIORITY_SLA_OVERRIDES__CRITICAL: '900',
      ORCHESTRATION_WORKFLOW__POOLS: '["gpu","slow"]',
      ORCHESTRATION_MAPPER__AUTO_MAP_RESULTS: 'false',
      ORCHESTRATION_MAPPER__URL: 'null',
      ORCHESTRATION_SECURITY__KEY_ROTATION_SCHEDULE: 'null',
      ORCHESTRATION_DATABASE_URL: 'postgres://db/x',
      ORCHESTRATION_REDIS_URL: 'redis://cache',
      ORCHESTRATION_LOG_LEVEL: 'debug',
      ORCHESTRATION_DATA_DIR: '/data',
      ORCHESTRATION_DETECTOR_REGISTRY_PATH: '/detectors.yaml',
      ORCHESTRATION_POLICY_STORE_PATH: '/policies',
    });
    expect(settings.orchestration.priority_sla_overrides).toEqual({ critical: 900, low: 5000 });
    expect(settings.workflow.pools).toEqual(['gpu', 'slow']);
    expect(settings.mapper).toMatchObject({ auto_map_results: false, url: null });
    expect(settings.security.key_rotation_schedule).toBeNull();
    expect(settings.database.url).toBe('postgres://db/x');
    expect(settings.redis.url).toBe('redis://cache');
    expect(settings.monitoring.log_level).toBe('debug');
    expect(settings.service.data_dir).toBe('/data');
    expect(settings.registry.path).toBe('/detectors.yaml');
    expect(settings.policy.store_path).toBe('/policies');
  });

  it('take text for text, also where it looks like something else', () => {
    write('settings.yaml', '');
    const { settings } = load({
      ORCHESTRATION_WORKFLOW__NAMESPACE: '2026',
      ORCHESTRATION_WORKFLOW__TASK_QUEUE: 'true',
      ORCHESTRATION_SECURITY__CODEC_TOKEN: '1234567890123456',
    });
    expect(settings.workflow).toMatchObject({ namespace: '2026', task_queue: 'true' });
    expect(settings.security.codec_token).toBe('1234567890123456');
  });

  it('leave variables with other beginnings alone', () => {
    write('settings.yaml', '');
    expect(faultsOf({ MAPPER_PORT: 'x', CONCLAVE_OPA_BIN: '/x', ORCHESTRATIO: 'x' })).toEqual([]);
  });

  it('refuse unknown keys by name and file, and unknown variables', () => {
    write('settings.yaml', 'service: { prot: 1 }\nworkflows: { namespace: x }\n');
    write('settings.development.yaml', 'mapper: { deep: { key: 1 } }\n');
    const variables = {
      ORCHESTRATION_SERVICE__PROT: '1',
      ORCHESTRATION_NOTHING: '1',
      ORCHESTRATION_SERVICE: '{}',
      ORCHESTRATION_SERVICE____PROTO__: '1',
    };
    expect(faultsOf(variables).toSorted()).toEqual(
      [
        `${file('settings.yaml')}: unknown key service.prot`,
        `${file('settings.yaml')}: unknown key workflows`,
        `${file('settings.development.yaml')}: unknown key mapper.deep`,
        'ORCHESTRATION_NOTHING: there is no setting nothing',
        'ORCHESTRATION_SERVICE: there is no setting service',
        'ORCHESTRATION_SERVICE__PROT: there is no setting service.prot',
        'ORCHESTRATION_SERVICE____PROTO__: there is no setting service..proto.',
      ].toSorted(),
    );
  });

  it('name key and source of every bad value at once, and never the value', () => {
    write('settings.yaml', 'service: { port: ninety }\norchestration: { max_concurrent_detectors: 0 }\n');
    const faults = faultsOf({
      ORCHESTRATION_LOG_LEVEL: 'loud',
      ORCHESTRATION_DATABASE_URL: 'mysql://user:sesame@db',
      ORCHESTRATION_ENV: 'holiday',
    });
    expect(faults.map((fault) => fault.split(': ').slice(0, 2).join(' ')).toSorted()).toEqual(
      [
        `${file('settings.yaml')} service.port`,
        `${file('settings.yaml')} orchestration.max_concurrent_detectors`,
        'ORCHESTRATION_LOG_LEVEL monitoring.log_level',
        'ORCHESTRATION_DATABASE_URL database.url',
        'ORCHESTRATION_ENV service.environment',
      ].toSorted(),
    );
    expect(faults.join()).not.toMatch(/ninety|loud|sesame|holiday/);
  });

  it.each([
    ['sync_to_async_threshold_ms: 2001', 'orchestration.sync_to_async_threshold_ms'],
    ['mapper_timeout_budget_ms: 1001', 'orchestration.mapper_timeout_budget_ms'],
    ['priority_sla_overrides: { low: 499 }', 'orchestration.mapper_timeout_budget_ms'],
    ['sync_request_sla_ms: 0', 'orchestration.sync_request_sla_ms'],
    ['content_retention_minutes: 11', 'orchestration.content_retention_minutes'],
  ])('refuse %s', (line, key) => {
    write('settings.yaml', `orchestration:\n  ${line}\n`);
    expect(faultsOf().join()).toContain(`${key}: `);
  });

  it.each([
    ['no YAML', 'service: [', /settings\.yaml: .+line 1/],
    ['a key twice', 'service: {}\nservice: {}\n', /settings\.yaml: Map keys must be unique/],
    ['a list', '- service\n', /settings\.yaml: must hold sections/],
    ['a text', 'service\n', /settings\.yaml: must hold sections/],
    ['an emptied section', 'service:\n', /settings\.yaml: service: /],
  ])('refuse a file that holds %s', (_claim, text, fault) => {
    write('settings.yaml', text);
    expect(faultsOf()).toHaveLength(1);
    expect(faultsOf()[0]).toMatch(fault);
  });

  it('let no key of a file reach the prototypes', () => {
    write('settings.yaml', '__proto__: { polluted: 1 }\nservice: { __proto__: { polluted: 1 } }\n');
    expect(faultsOf().length).toBeGreaterThan(0);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('refuse a named file that does not exist, and do without the unnamed one', () => {
    expect(faultsOf()).toEqual([
      `ORCHESTRATION_CONFIG_PATH names ${file('settings.yaml')}, which does not exist`,
    ]);
  });

  it('mask every secret, alone and inside its section', () => {
    write('settings.yaml', '');
    const secret = 'postgres-redis-sesame-0123456789';
    const loaded = load(
      Object.fromEntries(
        secretKeys.map((key) => [
          `ORCHESTRATION_${key.toUpperCase().replace('.', '__')}`,
          key.endsWith('url')
            ? `${key.startsWith('redis') ? 'redis' : 'postgres'}://u:${secret}@h/x`
            : key.endsWith('webhook_secret')
              ? `whsec_${'sesame'.repeat(8)}`
              : secret,
        ]),
      ),
    );
    for (const key of secretKeys) {
      expect(explainSetting(loaded, key)?.value).toBe('"********"');
      const [section] = key.split('.');
      expect(explainSetting(loaded, section!)?.value).toContain('********');
      expect(explainSetting(loaded, section!)?.value).not.toContain('sesame');
    }
    expect(explainSetting(loaded, 'database')?.source).toBe('ORCHESTRATION_DATABASE__URL');
  });

  it('explain nothing that does not exist', () => {
    write('settings.yaml', '');
    for (const key of ['service.prot', 'nothing', '', 'service.port.x', 'service.constructor', '__proto__'])
      expect(explainSetting(load(), key)).toBeNull();
  });
});
