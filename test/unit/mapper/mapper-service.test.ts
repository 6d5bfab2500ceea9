import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import request from 'supertest';
import { mappingResponseSchema } from '../../../src/contract/payload';
import { loadKnowledge } from '../../../src/mapper/knowledge';
import {
  createMapperService,
  type MapperService,
  type MapperServiceOptions,
} from '../../../src/mapper/service';

const taxonomyDir = join(__dirname, '../../../taxonomy');
const serviceKey = 'test-service-key';
const uuid = /^[0-9a-f-]{36}$/;

const payload = {
  detector: 'orchestrated-multi',
  output: 'toxic|EMAIL_ADDRESS',
  tenant_id: 'demo',
  metadata: {
    contributing_detectors: ['deberta-toxicity', 'presidio'],
    normalized_scores: { toxic: 0.9, EMAIL_ADDRESS: 0.5 },
    provenance: [
      { detector: 'deberta-toxicity', output: 'toxic', confidence: 0.9 },
      { detector: 'presidio', output: 'EMAIL_ADDRESS', confidence: 0.5 },
    ],
  },
};

/** A service on a free port, ended after the test. */
const running: MapperService[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((service) => service.close()));
});

async function start(options: Partial<MapperServiceOptions> = {}) {
  const service = createMapperService({ taxonomyDir, ...options });
  running.push(service);
  const { port, address }: AddressInfo = await service.listen(0);
  return { client: request(`http://${address}:${port}`), address, service };
}

describe('POST /map', () => {
  it.each(['/api/v1/map', '/map'])('answers at %s in the shape of the contract', async (path) => {
    const { client } = await start();
    const { status, body } = await client.post(path).set('X-Tenant-ID', 'demo').send(payload);
    expect(status).toBe(200);
    expect(mappingResponseSchema.safeParse(body).success).toBe(true);
    expect(body).toMatchObject({
      taxonomy: ['HARM.SPEECH.Toxicity', 'PII.Contact.Email'],
      scores: { 'HARM.SPEECH.Toxicity': 0.72, 'PII.Contact.Email': 0.4 },
      confidence: 0.72,
      provenance: { detector: 'orchestrated-multi', route: 'rules', tenant_id: 'demo' },
      version_info: { taxonomy: '3.0.0', frameworks: '2.0.0', model: 'none' },
    });
    expect(Date.parse(body.provenance.ts)).not.toBeNaN();
  });

  it.each([
    ['hybrid', 'model_unavailable'],
    ['rules_only', 'kill_switch'],
  ] as const)('in mode %s says why rules answered', async (mode, reason) => {
    const { client } = await start({ mode });
    const { body } = await client.post('/map').send(payload);
    expect(body.notes).toContain(`route=rules;reason=${reason};`);
  });

  it('maps every label of every detector file', async () => {
    const { client } = await start({ mode: 'rules_only', ratePerMinute: 1e6 });
    const { detectors } = loadKnowledge(taxonomyDir);
    for (const { detector, labels } of detectors) {
      for (let from = 0; from < labels.length; from += 100) {
        const some = labels.slice(from, from + 100);
        const requests = some.map(({ label }) => ({
          detector,
          output: label,
          tenant_id: 'demo',
          metadata: {},
        }));
        const { body } = await client.post('/map/batch').set('X-Tenant-ID', 'demo').send({ requests });
        expect(body.errors).toBeNull();
        expect(body.results.map((result: { taxonomy: string[] }) => result.taxonomy)).toEqual(
          some.map(({ category }) => [category]),
        );
      }
    }
  });

  it.each<[string, object, string]>([
    ['an unknown top-level key', { ...payload, extra: 1 }, ''],
    ['a detector that is no name', { ...payload, detector: 'a b' }, 'detector'],
    ['an empty output', { ...payload, output: '' }, 'output'],
    ['an output beyond its limit', { ...payload, output: 'x'.repeat(32_769) }, 'output'],
    ['a tenant that is no name', { ...payload, tenant_id: 'x'.repeat(65) }, 'tenant_id'],
    ['metadata that is no object', { ...payload, metadata: [] }, 'metadata'],
    [
      'a score out of range',
      { ...payload, metadata: { normalized_scores: { a: 1.1 } } },
      'metadata.normalized_scores.*',
    ],
    [
      'an unknown method',
      { ...payload, metadata: { aggregation_method: 'guess' } },
      'metadata.aggregation_method',
    ],
    [
      'a provenance entry without detector',
      { ...payload, metadata: { provenance: [{ output: 'x' }] } },
      'metadata.provenance[0].detector',
    ],
  ])('refuses %s', async (_what, body, path) => {
    const { client } = await start();
    const answer = await client.post('/map').send(body);
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({
      error_code: 'INVALID_REQUEST',
      details: { field_errors: [{ path }] },
    });
  });

  it.each([
    ['malformed JSON', '{"a":', 'malformed_json'],
    ['an empty body', '', 'malformed_json'],
    ['a body beyond 64 KiB', JSON.stringify({ ...payload, pad: 'x'.repeat(65_536) }), 'body_too_large'],
  ])('refuses %s', async (_what, body, detail) => {
    const { client } = await start();
    const answer = await client.post('/map').type('json').send(body);
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ error_code: 'INVALID_REQUEST', detail });
  });

  it('refuses invalid UTF-8', async () => {
    const { client } = await start();
    const bytes = Buffer.from('{"detector":"\u00ff"}', 'latin1');
    const answer = await client
      .post('/map')
      .type('json')
      .serialize((body: unknown) => body as string)
      .send(bytes);
    expect(answer.body).toMatchObject({ error_code: 'INVALID_REQUEST', detail: 'malformed_json' });
  });

  it('refuses what is not JSON by its type', async () => {
    const { client } = await start();
    const answer = await client.post('/map').type('text').send(JSON.stringify(payload));
    expect(answer.status).toBe(415);
    expect(answer.body).toMatchObject({ error_code: 'INVALID_REQUEST', detail: 'content_type' });
  });

  it('refuses raw content without repeating it', async () => {
    const { client } = await start();
    const answer = await client.post('/map').send({ ...payload, output: 'toxic|marker@mail.example' });
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ error_code: 'INVALID_REQUEST', detail: 'raw_content' });
    expect(answer.text).not.toContain('marker');
  });

  it('judges what the guard would refuse when it is off', async () => {
    const { client } = await start({ rawContentGuard: false });
    const answer = await client.post('/map').send({ ...payload, output: 'x'.repeat(300), metadata: {} });
    expect(answer.body).toMatchObject({ taxonomy: ['OTHER.ModelError'], confidence: 0 });
  });

  it('refuses the payload of another tenant', async () => {
    const { client } = await start();
    const answer = await client.post('/map').set('X-Tenant-ID', 'other').send(payload);
    expect(answer.status).toBe(403);
    expect(answer.body).toMatchObject({ error_code: 'INSUFFICIENT_RBAC', retryable: false });
  });
});

describe('every error body', () => {
  it('has the members of the contract and echoes the correlation id', async () => {
    const { client } = await start();
    const answer = await client.get('/nowhere').set('X-Correlation-ID', 'corr-1');
    expect(answer.status).toBe(404);
    expect(answer.headers['x-correlation-id']).toBe('corr-1');
    expect(answer.body).toEqual({
      error_code: 'NOT_FOUND',
      code: 'NOT_FOUND',
      error: 'not_found',
      message: expect.any(String),
      detail: null,
      retryable: false,
      fallback_used: false,
      request_id: expect.stringMatching(uuid),
      correlation_id: 'corr-1',
      timestamp: expect.any(String),
    });
  });

  it('carries a new correlation id in place of a malformed one', async () => {
    const { client } = await start();
    const answer = await client.get('/nowhere').set('X-Correlation-ID', 'with space');
    expect(answer.body.correlation_id).toMatch(uuid);
  });
});

describe('the idempotency key', () => {
  const send = (client: Awaited<ReturnType<typeof start>>['client'], body: object, key = 'key-1') =>
    client.post('/map').set('Idempotency-Key', key).send(body);

  it('replays the same answer', async () => {
    const { client } = await start();
    const first = await send(client, payload);
    const second = await send(client, payload);
    expect(first.headers['idempotency-replayed']).toBeUndefined();
    expect(second.headers['idempotency-replayed']).toBe('true');
    expect(second.text).toBe(first.text);
  });

  it('conflicts with another body', async () => {
    const { client } = await start();
    await send(client, payload);
    const answer = await send(client, { ...payload, output: 'hate' });
    expect(answer.status).toBe(409);
    expect(answer.body).toMatchObject({ error_code: 'CONFLICT', detail: 'idempotency_conflict' });
  });

  it('belongs to its tenant and its path', async () => {
    const { client } = await start();
    await send(client, payload);
    expect((await send(client, { ...payload, tenant_id: 'other' })).status).toBe(200);
    const batch = await client
      .post('/map/batch')
      .set('Idempotency-Key', 'key-1')
      .send({ requests: [payload] });
    expect(batch.status).toBe(200);
  });

  it('keeps no error', async () => {
    const { client } = await start();
    expect((await send(client, { ...payload, output: '' })).status).toBe(400);
    expect((await send(client, payload)).status).toBe(200);
  });

  it('must be visible ASCII', async () => {
    const { client } = await start();
    expect((await send(client, payload, 'x'.repeat(256))).body).toMatchObject({ detail: 'idempotency_key' });
  });
});

describe('the rate limit', () => {
  it('refuses a tenant beyond its share, and only that tenant', async () => {
    const { client } = await start({ ratePerMinute: 2 });
    const post = (tenant: string) =>
      client
        .post('/map')
        .set('X-Tenant-ID', tenant)
        .send({ ...payload, tenant_id: tenant });
    const first = await post('demo');
    expect(first.headers).toMatchObject({
      'ratelimit-limit': '2;w=60',
      'ratelimit-remaining': '1',
      'ratelimit-reset': '60',
      'x-ratelimit-limit': '2;w=60',
    });
    await post('demo');
    const refused = await post('demo');
    expect(refused.status).toBe(429);
    expect(refused.body).toMatchObject({ error_code: 'RATE_LIMITED', retryable: true });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect((await post('other')).status).toBe(200);
  });

  it('counts each item of a batch', async () => {
    const { client } = await start({ ratePerMinute: 3 });
    const post = (items: number) =>
      client
        .post('/map/batch')
        .set('X-Tenant-ID', 'demo')
        .send({ requests: Array.from({ length: items }, () => payload) });
    expect((await post(2)).status).toBe(200);
    expect((await post(2)).status).toBe(429);
  });

  it('counts callers without a tenant by address', async () => {
    const { client } = await start({ anonymousRatePerMinute: 1 });
    expect((await client.get('/api/v1/detectors')).status).toBe(200);
    expect((await client.get('/api/v1/detectors')).status).toBe(429);
  });

  it('exempts the service key', async () => {
    const { client } = await start({ ratePerMinute: 1, serviceKey });
    for (let call = 0; call < 3; call += 1) {
      const answer = await client
        .post('/map')
        .set('X-Tenant-ID', 'demo')
        .set('X-API-Key', serviceKey)
        .send(payload);
      expect(answer.status).toBe(200);
    }
  });
});

describe('the service key', () => {
  it('must be right when one is configured', async () => {
    const { client } = await start({ serviceKey });
    const answer = await client.post('/map').set('X-API-Key', 'wrong').send(payload);
    expect(answer.status).toBe(401);
    expect(answer.body).toMatchObject({ error_code: 'UNAUTHORIZED' });
  });

  it('may be absent, and means nothing when none is configured', async () => {
    expect((await (await start({ serviceKey })).client.post('/map').send(payload)).status).toBe(200);
    expect((await (await start()).client.post('/map').set('X-API-Key', 'any').send(payload)).status).toBe(
      200,
    );
  });
});

describe('a legacy request', () => {
  const legacy = { detector: 'presidio', output: 'US_SSN' };

  it('is mapped, with notice of its end', async () => {
    const { client } = await start({ legacyRequestSunset: new Date('2999-01-01T00:00:00Z') });
    const answer = await client.post('/map').set('X-Tenant-ID', 'demo').send(legacy);
    expect(answer.body).toMatchObject({
      taxonomy: ['PII.Identifier.SSN'],
      provenance: { tenant_id: 'demo' },
    });
    expect(answer.headers).toMatchObject({
      deprecation: 'true',
      sunset: 'Tue, 01 Jan 2999 00:00:00 GMT',
      link: '</api/v1/map>; rel="successor-version"',
    });
    expect((await client.get('/metrics')).text).toContain(
      'mapper_request_deprecated_total{type="DetectorRequest"} 1',
    );
  });

  it('needs a tenant from somewhere', async () => {
    const { client } = await start();
    const answer = await client.post('/map').send(legacy);
    expect(answer.body).toMatchObject({
      detail: 'schema',
      details: { field_errors: [{ path: 'tenant_id' }] },
    });
  });

  it('is refused after its date', async () => {
    const { client } = await start({ legacyRequestSunset: new Date('2020-01-01T00:00:00Z') });
    const answer = await client.post('/map').set('X-Tenant-ID', 'demo').send(legacy);
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ detail: 'legacy_request_sunset' });
  });
});

describe('POST /map/batch', () => {
  it('answers in order and lets a bad item fail alone', async () => {
    const { client } = await start();
    const requests = [
      { ...payload, output: 'hate', metadata: {} },
      { nonsense: true },
      { ...payload, tenant_id: 'other' },
      { ...payload, output: 'ssn', metadata: {} },
    ];
    const { status, body } = await client
      .post('/api/v1/map/batch')
      .set('X-Tenant-ID', 'demo')
      .send({ requests });
    expect(status).toBe(200);
    expect(body.results.map((result: { taxonomy: string[] } | null) => result?.taxonomy[0] ?? null)).toEqual([
      'HARM.SPEECH.Hate.Other',
      null,
      null,
      'PII.Identifier.SSN',
    ]);
    expect(body.errors).toEqual([
      { index: 1, error_code: 'INVALID_REQUEST', message: expect.any(String), retryable: false },
      { index: 2, error_code: 'INSUFFICIENT_RBAC', message: expect.any(String), retryable: false },
    ]);
  });

  it('bounds each item although the batch may be larger', async () => {
    const { client } = await start();
    const large = { ...payload, metadata: { notes: Array.from({ length: 200 }, () => 'word '.repeat(100)) } };
    const { body } = await client.post('/map/batch').send({ requests: [payload, large] });
    expect(body.results[0]).not.toBeNull();
    expect(body.errors).toEqual([expect.objectContaining({ index: 1, error_code: 'INVALID_REQUEST' })]);
  });

  it.each([
    ['no item', { requests: [] }],
    ['101 items', { requests: Array.from({ length: 101 }, () => payload) }],
    ['no list', { items: [payload] }],
  ])('refuses %s', async (_what, body) => {
    const { client } = await start();
    expect((await client.post('/map/batch').send(body)).status).toBe(400);
  });
});

describe('POST /map/frameworks', () => {
  it('lists controls of the great frameworks', async () => {
    const { client } = await start();
    const { status, body } = await client
      .post('/api/v1/map/frameworks')
      .set('X-Correlation-ID', 'c')
      .send({
        canonical_results: [
          { category: 'PII.Health.HIPAA', confidence: 0.8, risk_level: 'high', tags: [] },
          { category: 'JAILBREAK.Attempt', confidence: 0.6, risk_level: 'high', tags: [] },
        ],
        target_frameworks: ['SOC2', 'ISO27001', 'HIPAA', 'GDPR', 'EU_AI_ACT'],
      });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      success: true,
      correlation_id: 'c',
      overall_confidence: 0.7,
      cost_metrics: { total_cost: 0 },
      model_metrics: { model_name: 'none', batch_size: 2 },
    });
    const frameworks = body.mapping_results.map((result: { framework_mappings: { framework: string }[] }) => [
      ...new Set(result.framework_mappings.map(({ framework }) => framework)),
    ]);
    expect(frameworks).toEqual([
      ['SOC2', 'ISO27001', 'HIPAA', 'GDPR'],
      ['SOC2', 'ISO27001', 'EU_AI_ACT'],
    ]);
  });

  it('names the field of an unknown framework', async () => {
    const { client } = await start();
    const { status, body } = await client.post('/api/v1/map/frameworks').send({
      canonical_results: [{ category: 'PII.Other', confidence: 1, risk_level: 'low', tags: [] }],
      target_frameworks: ['SOC2', 'SOX'],
    });
    expect(status).toBe(400);
    expect(body.details.field_errors[0].path).toBe('target_frameworks[1]');
  });
});

describe('the catalog', () => {
  it('pages through the detectors and shows one', async () => {
    const { client } = await start();
    const first = (await client.get('/api/v1/detectors?limit=2')).body;
    const second = (await client.get(`/api/v1/detectors?limit=2&page_token=${first.next_page_token}`)).body;
    expect(first.total_count).toBeGreaterThanOrEqual(14);
    const names = [...first.detectors, ...second.detectors].map(
      ({ detector }: { detector: string }) => detector,
    );
    expect(new Set(names).size).toBe(4);
    const one = (await client.get('/api/v1/detectors/presidio')).body;
    expect(one).toMatchObject({
      detector: 'presidio',
      version: '2.0.0',
      checksum: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect((await client.get('/api/v1/detectors/nobody')).status).toBe(404);
  });

  it('shows the taxonomy and its categories', async () => {
    const { client } = await start();
    expect((await client.get('/api/v1/taxonomies')).body).toMatchObject({
      taxonomies: [{ version: '3.0.0', is_active: true }],
      total_count: 1,
    });
    expect((await client.get('/api/v1/taxonomies?is_active=false')).body).toEqual({
      taxonomies: [],
      total_count: 0,
    });
    expect((await client.get('/api/v1/taxonomies/3.0.0')).body).toMatchObject({
      version: '3.0.0',
      is_active: true,
    });
    expect((await client.get('/api/v1/taxonomies/9.9.9')).status).toBe(404);
    const { body } = await client.get('/api/v1/taxonomies/3.0.0/categories?prefix=PII.Contact.');
    expect(body.categories.map(({ id }: { id: string }) => id)).toEqual([
      'PII.Contact.Email',
      'PII.Contact.Phone',
      'PII.Contact.Address',
      'PII.Contact.URL',
    ]);
    expect(body.categories[3]).toMatchObject({ severity: 'low', risk_weight: 0.2 });
  });

  it('shows frameworks and their controls', async () => {
    const { client } = await start();
    expect((await client.get('/api/v1/frameworks')).body.total_count).toBe(9);
    expect((await client.get('/api/v1/frameworks/GDPR')).body).toMatchObject({
      id: 'GDPR',
      version: '2.0.0',
    });
    const { body } = await client.get('/api/v1/frameworks/GDPR/controls?limit=1');
    expect(body).toEqual({
      controls: [{ id: 'Art.5', title: 'Processing principles' }],
      total_count: 9,
      next_page_token: '1',
    });
    expect((await client.get('/api/v1/frameworks/SOX/controls')).status).toBe(404);
  });

  it.each(['limit=0', 'limit=201', 'limit=x', 'page_token=99', 'limit=1&limit=2'])(
    'refuses ?%s',
    async (query) => {
      const { client } = await start();
      expect((await client.get(`/api/v1/detectors?${query}`)).status).toBe(400);
    },
  );
});

describe('the probes', () => {
  it('say that a mapper without a model is degraded and ready', async () => {
    const { client } = await start();
    expect((await client.get('/health')).body).toMatchObject({ status: 'degraded', mode: 'hybrid' });
    const ready = await client.get('/api/v1/health/ready');
    expect(ready.status).toBe(200);
    expect(ready.body).toMatchObject({
      status: 'ready',
      dependencies: { rules: 'connected', model: 'not_configured' },
    });
  });

  it('count what was done', async () => {
    const { client } = await start();
    await client.post('/map').send({ ...payload, output: 'whatever', metadata: {} });
    await client.post('/map').send({ ...payload, output: 'a@mail.example' });
    const { text } = await client.get('/metrics');
    for (const line of [
      'mapper_requests_total{detector="orchestrated-multi",status="200"} 1',
      'mapper_requests_total{detector="other",status="400"} 1',
      'mapper_fallback_total{reason="model_unavailable"} 1',
      'mapper_fallback_percentage 100',
      'mapper_unmapped_labels_total{detector="orchestrated-multi"} 1',
      'mapper_errors_total{error_code="INVALID_REQUEST"} 1',
      'mapper_request_payload_rejected_total{reason="raw_content"} 1',
      'mapper_rate_limit_requests_total{endpoint="map",identity_kind="address",action="allowed"} 2',
      'mapper_request_duration_seconds_count 2',
      'mapper_confidence_score_count 1',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
  });
});

it('listens on loopback unless told otherwise, and frees the port on close', async () => {
  const { address, service, client } = await start();
  expect(address).toBe('127.0.0.1');
  await client.get('/health');
  await service.close();
  await expect(client.get('/health')).rejects.toThrow(/ECONNREFUSED/);
});
