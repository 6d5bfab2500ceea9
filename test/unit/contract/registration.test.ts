import { detectorRegistrationSchema } from '../../../src/contract/registration';

const faultsOf = (fields: object): string[] =>
  (
    detectorRegistrationSchema.safeParse({ name: 'a', endpoint: 'http://127.0.0.1:1', ...fields }).error
      ?.issues ?? []
  ).map(({ path, message }) => `${path.join('.')}: ${message}`);

const bedrock = { region: 'eu-central-1', guardrail_id: 'gr-1' };

describe('DetectorRegistration [1]', () => {
  it('has the defaults of the contract', () => {
    expect(detectorRegistrationSchema.parse({ name: 'a', endpoint: 'builtin:pii' })).toMatchObject({
      version: '1.0',
      auth_type: 'none',
      timeout_ms: 5000,
      max_retries: 2,
      health_check_path: '/health',
      priority_weight: 1,
      traffic_percent: 100,
      depends_on: [],
      score_normalization: { method: 'identity' },
      capabilities: {
        supported_content_types: ['text'],
        max_content_length: 50_000,
        average_processing_time_ms: null,
        confidence_calibrated: false,
        batch_supported: false,
      },
    });
  });

  it.each([
    [{ name: '-a' }, 'name'],
    [{ version: '1' }, 'version'],
    [{ endpoint: 'ftp://x' }, 'endpoint'],
    [{ endpoint: `http://${'x'.repeat(500)}` }, 'endpoint'],
    [{ endpoint: 'https://user:password@host/' }, 'endpoint'],
    [{ endpoint: 'https://user@host/' }, 'endpoint'],
    [{ endpoint: 'http://' }, 'endpoint'],
    [{ endpoint: 'http://host:99999/' }, 'endpoint'],
    [{ endpoint: 'builtin:' }, 'endpoint'],
    [{ endpoint: 'builtin:a b' }, 'endpoint'],
    [{ timeout_ms: 99 }, 'timeout_ms'],
    [{ timeout_ms: 30_001 }, 'timeout_ms'],
    [{ max_retries: 6 }, 'max_retries'],
    [{ priority_weight: 0 }, 'priority_weight'],
    [{ traffic_percent: 101 }, 'traffic_percent'],
    [{ label_severity: { x: 101 } }, 'label_severity.x'],
    [{ capabilities: { supported_content_types: [] } }, 'capabilities.supported_content_types'],
    [{ score_normalization: { method: 'min_max', min: 1, max: 1 } }, 'score_normalization'],
    [{ protocol: 'http-json' }, 'http'],
    [{ protocol: 'conclave', long_content: 'split' }, 'long_content'],
    [{ protocol: 'carrier-pigeon' }, 'protocol'],
    [
      { protocol: 'presidio', capabilities: { supported_content_types: ['text', 'image'] } },
      'capabilities.supported_content_types',
    ],
    [{ protocol: 'llama-guard' }, 'params.model'],
    [{ protocol: 'presidio', params: { langauge: 'en' } }, 'params'],
    [{ protocol: 'tei', params: { threshold: 2 } }, 'params.threshold'],
    [{ protocol: 'tei', params: { truncation_direction: 'Left' } }, 'params.truncation_direction'],
    [{ protocol: 'guardrails-ai', params: { guard: '../admin' } }, 'params.guard'],
    [{ protocol: 'nemo-checks', params: { model: 'm' } }, 'params.config_id'],
    [
      { protocol: 'nemo-checks', params: { model: 'm', config_id: 'a', config_ids: ['b'] } },
      'params.config_id',
    ],
    [
      { protocol: 'nemo-checks', params: { api: 'microservice', model: 'm', config_ids: ['b'] } },
      'params.api',
    ],
    [{ protocol: 'azure-content-safety', params: { categories: ['Fun'] } }, 'params.categories.0'],
    [{ protocol: 'google-dlp', params: { project: 'p', calibration: { SURE: 1 } } }, 'params.calibration'],
    [
      { protocol: 'google-dlp', params: { project: 'p', calibration: { LIKELY: 2 } } },
      'params.calibration.LIKELY',
    ],
    [
      {
        protocol: 'bedrock-guardrail',
        params: { ...bedrock, access_key: { id_ref: 'AKIA', secret_ref: 'env:K' } },
      },
      'params.access_key.id_ref',
    ],
    [
      {
        protocol: 'bedrock-guardrail',
        auth_type: 'bearer_token',
        auth_config: { secret_ref: 'env:K' },
        params: { ...bedrock, access_key: { id_ref: 'env:I', secret_ref: 'env:K' } },
      },
      'auth_type',
    ],
    [{ protocol: 'lakera-guard', score_normalization: { method: 'percent' } }, 'score_normalization'],
    [{ tenant_scope: 'own' }, 'tenant_id'],
    [{ tenant_id: 'acme' }, 'tenant_id'],
    [{ surprise: 1 }, ''],
  ])('refuses %j', (fields, path) => {
    expect(faultsOf(fields).map((fault) => fault.split(':')[0])).toContain(path);
  });

  it('takes secrets by reference only, and what the way to authenticate needs', () => {
    expect(faultsOf({ auth_type: 'api_key', auth_config: { secret_ref: 'env:KEY' } })).toEqual([]);
    expect(
      faultsOf({ auth_type: 'api_key', auth_config: { header: 'X-Key', secret_ref: 'file:/run/key' } }),
    ).toEqual([]);
    expect(
      faultsOf({ auth_type: 'basic_auth', auth_config: { username_ref: 'env:U', password_ref: 'env:P' } }),
    ).toEqual([]);
    const client = { token_url: 'https://issuer/token', client_id_ref: 'env:I', client_secret_ref: 'env:S' };
    expect(faultsOf({ auth_type: 'oauth2', auth_config: { ...client, scope: 'judge' } })).toEqual([]);
    const tls = { cert_ref: 'file:/cert', key_ref: 'vault:secret/data/tls#key', ca_ref: 'aws-sm:authority' };
    expect(faultsOf({ auth_type: 'none', auth_config: { tls } })).toEqual([]);
    for (const [auth_type, auth_config, path] of [
      ['bearer_token', { secret_ref: 'in-the-open' }, 'auth_config.secret_ref'],
      ['bearer_token', {}, 'auth_config.secret_ref'],
      ['api_key', { secret: 'in-the-open', secret_ref: 'env:KEY' }, 'auth_config'],
      ['api_key', { header: 'bad header', secret_ref: 'env:KEY' }, 'auth_config.header'],
      ['basic_auth', { username_ref: 'env:U' }, 'auth_config.password_ref'],
      ['none', { secret_ref: 'env:KEY' }, 'auth_config'],
      ['bearer_token', { secret_ref: 'env:in-the-open' }, 'auth_config.secret_ref'],
      ['bearer_token', { secret_ref: 'vault:in-the-open' }, 'auth_config.secret_ref'],
      ['oauth2', { client_id_ref: 'env:I', client_secret_ref: 'env:S' }, 'auth_config.token_url'],
      ['oauth2', { ...client, token_url: 'ftp://issuer' }, 'auth_config.token_url'],
      ['oauth2', { ...client, token_url: 'https://us:in-the-open@issuer/token' }, 'auth_config.token_url'],
      ['oauth2', { ...client, client_secret_ref: 'in-the-open' }, 'auth_config.client_secret_ref'],
      ['none', { tls: { cert_ref: 'file:/cert' } }, 'auth_config.tls.key_ref'],
      ['none', { tls: { ca_ref: 'in-the-open' } }, 'auth_config.tls.ca_ref'],
    ] as const) {
      const faults = faultsOf({ auth_type, auth_config });
      expect(faults.map((fault) => fault.split(':')[0])).toEqual([path]);
      expect(faults.join()).not.toContain('in-the-open');
    }
  });
});
