import request from 'supertest';
import {
  detectorHealthSchema,
  detectorListSchema,
  detectorInfoSchema,
} from '../../../src/contract/detector-info';
import { appWith, expectError, registration, watched } from './support';

const path = '/api/v1/detectors';

async function app() {
  const detectors = await watched(
    [
      registration('pii'),
      registration('images', {
        detector_type: 'vision',
        capabilities: { supported_content_types: ['image'], max_content_length: 1000 },
      }),
      registration('mine', {
        tenant_scope: 'own',
        tenant_id: 'acme',
        auth_type: 'bearer_token',
        auth_config: { secret_ref: 'env:ZQ9_TOKEN' },
        params: { hint: 'zq9-param' },
      }),
    ],
    ['images'],
  );
  for (let failure = 0; failure < 5; failure++) detectors.breakers.record('images@1.0', 'failure', 0);
  return appWith({ detectors });
}

async function list(query: Record<string, string> = {}, tenant?: string) {
  const asked = request(await app())
    .get(path)
    .query(query);
  const response = await (tenant === undefined ? asked : asked.set('X-Tenant-ID', tenant));
  expect(response.status).toBe(200);
  const { detectors, ...rest } = detectorListSchema.parse(response.body);
  return { names: detectors.map(({ name }) => name), ...rest };
}

describe('GET /detectors', () => {
  it('lists the shared ones by name, and to a tenant its own', async () => {
    expect(await list()).toEqual({ names: ['images', 'pii'], total_count: 2 });
    expect(await list({}, 'acme')).toEqual({ names: ['images', 'mine', 'pii'], total_count: 3 });
    expect(await list({}, 'other')).toEqual({ names: ['images', 'pii'], total_count: 2 });
  });

  it.each([
    [{ content_type: 'image' }, ['images']],
    [{ content_type: 'text' }, ['pii']],
    [{ detector_type: 'vision' }, ['images']],
    [{ detector_type: 'pii' }, ['pii']],
    [{ status: 'active' }, ['images', 'pii']],
    [{ status: 'maintenance' }, []],
  ])('narrows the list by %j', async (query, names) => {
    expect(await list(query)).toEqual({ names, total_count: names.length });
  });

  it('goes through the pages, counting all', async () => {
    const first = await list({ limit: '2' }, 'acme');
    expect(first).toEqual({
      names: ['images', 'mine'],
      total_count: 3,
      next_page_token: expect.any(String) as string,
    });
    const second = await list({ limit: '2', page_token: first.next_page_token! }, 'acme');
    expect(second).toEqual({ names: ['pii'], total_count: 3 });
  });

  it.each([
    [{ limit: '0' }, 'limit'],
    [{ limit: 'many' }, 'limit'],
    [{ limit: '201' }, 'limit'],
    [{ content_type: 'sound' }, 'content_type'],
    [{ status: 'asleep' }, 'status'],
    [{ sort: 'name' }, 'sort'],
    [{ page_token: 'made-up' }, 'page_token'],
  ])('refuses %j', async (query, at) => {
    const response = await request(await app())
      .get(path)
      .query(query);
    expectError(response, { detail: 'validation_failed', paths: [at] });
  });
});

describe('GET /detectors/{name}', () => {
  it('shows a detector without what could hold a credential', async () => {
    const response = await request(await app())
      .get(`${path}/mine`)
      .set('X-Tenant-ID', 'acme');
    expect(response.status).toBe(200);
    expect(detectorInfoSchema.parse(response.body)).toMatchObject({
      name: 'mine',
      detector_type: 'mine',
      status: 'active',
      health_status: 'healthy',
      is_healthy: true,
      auth_type: 'bearer_token',
    });
    for (const secret of ['auth_config', 'params', 'http']) expect(response.body).not.toHaveProperty(secret);
    expect(response.text.toLowerCase()).not.toContain('zq9');
  });

  it.each(['/mine', '/nobody', '/mine/health', '/nobody/health'])(
    'does not tell what is hidden from what is not there: %s',
    async (at) => {
      const response = await request(await app()).get(`${path}${at}`);
      const { message } = expectError(response, { status: 404, detail: 'detector_not_found' });
      expect(message).toBe('there is no such detector');
    },
  );

  it('shows how it is doing', async () => {
    const facade = await app();
    const well = detectorHealthSchema.parse((await request(facade).get(`${path}/pii/health`)).body);
    expect(well).toMatchObject({
      detector: 'pii',
      is_healthy: true,
      circuit_breaker_state: 'closed',
      response_time_ms: expect.any(Number) as number,
      last_check: expect.any(String) as string,
      error_message: null,
      consecutive_failures: 0,
    });
    const ill = detectorHealthSchema.parse((await request(facade).get(`${path}/images/health`)).body);
    expect(ill).toMatchObject({
      detector: 'images',
      is_healthy: false,
      circuit_breaker_state: 'open',
      response_time_ms: null,
      error_message: 'no answer',
      consecutive_failures: 1,
    });
  });
});
