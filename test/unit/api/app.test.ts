import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import request from 'supertest';
import { createErrorHandler } from '../../../src/api/error-handler';
import { createLogger } from '../../../src/telemetry/logger';
import { appWith, body, expectError } from './support';

describe('The facade', () => {
  it.each(['/api/v1/nothing', '/nothing', '/api/v1/orchestrate'])(
    'has nothing to GET at %s',
    async (path) => {
      expectError(await request(await appWith()).get(path), { status: 404, detail: 'route_not_found' });
    },
  );

  it.each([
    ['X-API-Key', 'zq9'],
    ['Authorization', 'Bearer zq9'],
  ])('does not quietly ignore %s', async (name, value) => {
    const app = await appWith();
    const response = await request(app).post('/api/v1/orchestrate').set(name, value).send(body);
    expectError(response, { code: 'UNAUTHORIZED', detail: 'unknown_credential' });
    expect(response.headers['www-authenticate']).toBe('Bearer');
    expect(response.text).not.toContain('zq9');
    expect((await request(app).get('/api/v1/health/live').set(name, value)).status).toBe(200);
  });

  it('refuses a path that is not well-formed', async () => {
    expectError(await request(await appWith()).get('/api/v1/detectors/%E0%A4%A'), {
      detail: 'malformed_path',
    });
  });

  it('protects the page of its documents, whose styles are its own', async () => {
    const { headers } = await request(await appWith()).get('/api/v1/docs');
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['content-security-policy']).toContain("default-src 'self'");
    expect(headers['content-security-policy']).not.toContain('script-src');
  });

  it('has browsers stay with TLS where it ends at a proxy that is trusted, and only there [A10]', async () => {
    const app = await appWith({ trustedProxies: 1 });
    const seen = async (proto: string) =>
      (await request(app).get('/api/v1/health/live').set('X-Forwarded-Proto', proto)).headers;
    expect(await seen('https')).toHaveProperty('strict-transport-security');
    expect(await seen('http')).not.toHaveProperty('strict-transport-security');
    const untrusting = await request(await appWith())
      .get('/api/v1/health/live')
      .set('X-Forwarded-Proto', 'https');
    expect(untrusting.headers).not.toHaveProperty('strict-transport-security');
  });

  it('tells neither the caller nor the log what an unforeseen error says', async () => {
    const lines = new PassThrough();
    const app = await appWith({
      submit: () => Promise.reject(new TypeError('zq9 stands in the message')),
      log: createLogger('facade', 'error', lines),
    });
    const response = await request(app)
      .post('/api/v1/orchestrate')
      .set('X-Correlation-ID', 'corr-3')
      .send(body);
    const { request_id: requestId, detail } = expectError(response, { code: 'INTERNAL_ERROR' });
    lines.end();
    const logged = await text(lines);
    expect(detail).toBeNull();
    expect(JSON.parse(logged)).toMatchObject({
      level: 'error',
      message: 'request failed',
      request_id: requestId,
      correlation_id: 'corr-3',
      principal: 'anonymous',
      error: { name: 'TypeError' },
    });
    expect(response.text + logged).not.toContain('zq9');
  });

  it('leaves an error to express once the answer has begun', () => {
    const error = new Error('late');
    const next = jest.fn();
    const begun = { headersSent: true } as never;
    createErrorHandler(createLogger('facade', 'silent'))(error, {} as never, begun, next);
    expect(next.mock.calls).toEqual([[error]]);
  });
});

describe('The documentation', () => {
  it('is an OpenAPI document whose every reference leads to a schema', async () => {
    const response = await request(await appWith()).get('/api/v1/openapi.json');
    const document = response.body as {
      openapi: string;
      info: { version: string };
      paths: object;
      components: { schemas: Record<string, object> };
    };
    expect([response.status, document.openapi, document.info.version]).toEqual([200, '3.1.0', '1.2.3']);
    expect(Object.keys(document.paths).toSorted()).toEqual([
      '/allow-list',
      '/allow-list/{entry_id}',
      '/allow-list/{entry_id}/approve',
      '/api-keys',
      '/api-keys/{key_id}',
      '/api-keys/{key_id}/rotate',
      '/api/v2/text/detection/content',
      ...['/audit', '/audit/export', '/audit/verify', '/audit/{request_id}'],
      ...['dev-token', 'logout', 'refresh', 'revoke', 'user', 'validate'].map((one) => `/auth/${one}`),
      '/beta/litellm_basic_guardrail_api',
      '/cache',
      '/circuit-breaker/endpoints/{endpoint_id}',
      '/circuit-breaker/reset/{endpoint_id}',
      '/circuit-breaker/status',
      '/circuit-breaker/trip/{endpoint_id}',
      '/config/endpoints',
      '/config/reload',
      '/config/status',
      '/config/validate',
      '/detectors',
      '/detectors/{name}',
      '/detectors/{name}/health',
      '/detectors/{name}/heartbeat',
      '/detectors/{name}/test',
      '/detectors/{name}/traffic',
      '/health',
      '/health/check/{endpoint_id}',
      '/health/circuit-breakers',
      '/health/circuit-breakers/open',
      '/health/endpoints',
      '/health/endpoints/{endpoint_id}',
      '/health/live',
      '/health/ready',
      '/health/status',
      '/health/summary',
      '/health/unhealthy',
      '/keys',
      '/keys/rotations',
      '/keys/rotations/{rotation_id}',
      '/moderations',
      '/orchestrate',
      '/orchestrate/batch',
      '/orchestrate/bulk',
      '/orchestrate/bulk/{bulk_id}',
      '/orchestrate/bulk/{bulk_id}/callback/replay',
      '/orchestrate/bulk/{bulk_id}/events',
      '/orchestrate/bulk/{bulk_id}/outcomes',
      '/orchestrate/bulk/{bulk_id}/pause',
      '/orchestrate/bulk/{bulk_id}/rerun',
      '/orchestrate/bulk/{bulk_id}/resume',
      '/orchestrate/callbacks',
      '/orchestrate/content',
      '/orchestrate/content/{content_ref}',
      '/orchestrate/jobs/{job_id}/callback/replay',
      '/orchestrate/jobs/{job_id}/rerun',
      '/orchestrate/status/{job_id}',
      '/orchestrate/{request_id}/explain',
      '/policies',
      '/policies/decisions',
      '/policies/decisions/export',
      '/policies/migrate',
      '/policies/validate',
      '/policies/{bundle}',
      '/policies/{bundle}/diff',
      '/policies/{bundle}/shadow',
      '/policies/{bundle}/simulate',
      '/policies/{bundle}/simulations',
      '/policies/{bundle}/simulations/{simulation_id}',
      '/policies/{bundle}/versions',
      '/policies/{bundle}/versions/{version}/activate',
      '/policies/{bundle}/versions/{version}/review',
      '/policies/{bundle}/versions/{version}/rollback',
      '/policies/{bundle}/versions/{version}/submit',
      '/proxy/{name}/{rest}',
      '/registry/endpoints',
      '/registry/endpoints/{endpoint_id}',
      '/registry/endpoints/{endpoint_id}/status',
      '/registry/stats',
      '/registry/sync',
      '/router/debug/{path}',
      '/router/refresh',
      '/router/routes',
      '/router/test/{endpoint_id}',
      '/status',
      '/tenants',
      '/tenants/{tenant_id}',
      '/tenants/{tenant_id}/exports',
      '/tenants/{tenant_id}/exports/{operation_id}/files/{file}',
      '/tenants/{tenant_id}/onboarding',
      '/tenants/{tenant_id}/onboarding/{operation_id}/secret',
      '/tenants/{tenant_id}/operations',
      '/tenants/{tenant_id}/operations/{operation_id}',
      '/webhooks/portkey',
    ]);
    const named = [...response.text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(
      ([, id]) => id!,
    );
    expect(new Set(named)).toEqual(new Set(Object.keys(document.components.schemas)));
    expect(document.components.schemas['SentRequest']).toMatchObject({
      required: ['content_type', 'tenant_id', 'policy_bundle', 'environment'],
      additionalProperties: false,
    });
    expect(response.text).not.toContain('__shared');
  });

  it('is a page whose parts are all served from here', async () => {
    const app = await appWith();
    const page = await request(app).get('/api/v1/docs');
    expect(page.headers['content-type']).toMatch(/^text\/html/);
    const parts = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path!);
    expect(parts).toHaveLength(4);
    for (const part of parts) expect([part, (await request(app).get(part)).status]).toEqual([part, 200]);
    const script = await request(app).get('/api/v1/docs/start.js');
    expect(script.headers['content-type']).toMatch(/^text\/javascript/);
    expect(script.text).toContain("url: '/api/v1/openapi.json'");
    expect(script.text).toContain('validatorUrl: null');
  });

  it('is found under a short path too', async () => {
    const response = await request(await appWith()).get('/docs');
    expect([response.status, response.headers['location']]).toEqual([302, '/api/v1/docs']);
  });
});
