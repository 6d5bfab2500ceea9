import request from 'supertest';
import { GatewayError } from '../../../src/contract/errors';
import { gatewayErrorSchema } from '../../../src/contract/gateway-error';
import {
  endpointListSchema,
  endpointRegisteredSchema,
  endpointRemovedSchema,
  endpointStatusChangedSchema,
  registeredEndpointSchema,
  registryStatsSchema,
  registrySyncSchema,
} from '../../../src/contract/registry-api';
import { endpointSchema, type Upstream } from '../../../src/contract/upstream';
import { fixedDirectory } from '../../support/fixed-directory';
import { type AppOptions, appWith, expectError, registration } from './support';

const path = '/api/v1/registry';
const at = (second: number) => new Date(Date.UTC(2026, 10, 21, 10, 0, second)).toISOString();

function upstream(name: string, second: number, config: object = {}, over: Partial<Upstream> = {}): Upstream {
  return {
    endpoint_id: name,
    config: endpointSchema.parse({ url: `https://${name}.example`, name, ...config }),
    detector: null,
    status: 'active',
    source: 'manual',
    registration_time: at(second),
    updated_at: at(second),
    ...over,
  };
}

const [own, shared] = fixedDirectory([
  registration('mine', { tenant_scope: 'own', tenant_id: 'acme' }),
  registration('pii'),
]).upstreams;
const upstreams: readonly Upstream[] = [
  { ...own!, registration_time: at(1) },
  { ...shared!, registration_time: at(2) },
  upstream('llm', 3, { kind: 'http', tags: ['gpu'], version: '1.0', group: 'models' }),
  upstream('mapper', 3, { kind: 'mapper' }, { source: 'config' }),
  upstream('off', 4, { disabled: true }, { status: 'disabled' }),
  upstream('ill', 5),
  upstream('parked', 6, {}, { status: 'inactive' }),
];
const directory = {
  upstreams,
  byId: (id: string) => upstreams.find(({ endpoint_id }) => endpoint_id === id),
  resolve: (name: string) => upstreams.find(({ config }) => config.name === name),
};
const stateOf: AppOptions['stateOf'] = ({ endpoint_id: id }) => ({
  unhealthy: id === 'ill',
  circuit_breaker_state: id === 'llm' ? 'open' : 'closed',
  last_health_check: at(9),
  last_failure_time: null,
  consecutive_failures: id === 'ill' ? 3 : 0,
});
const facade = (options: AppOptions = {}) => appWith({ directory, stateOf, ...options });

async function list(query: Record<string, string> = {}, tenant?: string) {
  const asked = request(await facade())
    .get(`${path}/endpoints`)
    .query(query);
  const response = await (tenant === undefined ? asked : asked.set('X-Tenant-ID', tenant));
  expect(response.status).toBe(200);
  const { endpoints, ...rest } = endpointListSchema.parse(response.body);
  return { ids: endpoints.map(({ endpoint_id: id }) => id), ...rest };
}
const all = ['acme:mine@1.0', 'pii@1.0', 'llm', 'mapper', 'off', 'ill', 'parked'];

describe('GET /registry/endpoints', () => {
  it('lists all with their counts, oldest first [R4] [R5]', async () => {
    expect(await list()).toEqual({
      ids: all,
      total_count: 7,
      active_count: 4,
      unhealthy_count: 1,
      disabled_count: 1,
    });
  });

  it("shows a tenant what is shared and its own, not another's", async () => {
    expect((await list({}, 'acme')).ids).toEqual(all);
    expect((await list({}, 'other')).ids).toEqual(all.slice(1));
  });

  it.each([
    [{ status: 'unhealthy' }, ['ill']],
    [{ status: 'inactive' }, ['parked']],
    [{ include_disabled: 'false', kind: 'http' }, ['llm', 'ill', 'parked']],
    [{ kind: 'mapper' }, ['mapper']],
    [{ group: 'models' }, ['llm']],
    [{ group: 'detector' }, ['acme:mine@1.0', 'pii@1.0']],
    [{ tag: 'gpu' }, ['llm']],
    [{ version: '1.0', kind: 'http' }, ['llm']],
    [{ source: 'config', kind: 'mapper' }, ['mapper']],
    [{ circuit_breaker_state: 'open' }, ['llm']],
    [{ q: 'mapper.ex' }, ['mapper']],
    [{ sort: '-registration_time', kind: 'http' }, ['parked', 'ill', 'off', 'llm']],
    [{ sort: 'name', kind: 'http' }, ['ill', 'llm', 'off', 'parked']],
    [{ sort: '-status', kind: 'http' }, ['ill', 'parked', 'off', 'llm']],
  ])('filters and sorts by %j, counting what is left', async (query, ids) => {
    expect(await list(query)).toMatchObject({ ids, total_count: ids.length, active_count: 4 });
  });

  it.each(['registration_time', '-registration_time', 'name', '-status'])(
    'walks every entry once, by %s [R5]',
    async (sort) => {
      const walked: string[] = [];
      let token: string | undefined;
      do {
        const page = await list({ limit: '2', sort, ...(token === undefined ? {} : { page_token: token }) });
        expect(page.total_count).toBe(7);
        walked.push(...page.ids);
        token = page.next_page_token;
      } while (token !== undefined);
      expect(walked).toEqual((await list({ sort })).ids);
    },
  );

  it.each([
    { limit: '201' },
    { limit: '0' },
    { sort: 'url' },
    { status: 'gone' },
    { offset: '3' },
    { page_token: '!' },
  ])('refuses %j', async (query) => {
    const response = await request(await facade())
      .get(`${path}/endpoints`)
      .query(query);
    expectError(response, { detail: 'validation_failed', paths: [Object.keys(query)[0]!] });
  });
});

describe('one endpoint', () => {
  it('is found by id or by its bare name, without what could hold a credential [R6]', async () => {
    const app = await facade();
    for (const id of ['pii@1.0', 'pii']) {
      const response = await request(app).get(`${path}/endpoints/${id}`);
      expect(registeredEndpointSchema.parse(response.body)).toMatchObject({
        endpoint_id: 'pii@1.0',
        kind: 'detector',
      });
    }
  });

  it.each(['nobody', 'acme:mine@1.0'])('is not found: %s', async (id) => {
    const response = await request(await facade())
      .get(`${path}/endpoints/${id}`)
      .set('X-Tenant-ID', 'other');
    expect(response.status).toBe(404);
    expect(gatewayErrorSchema.parse(response.body)).toMatchObject({
      code: 'ENDPOINT_NOT_FOUND',
      error: 'endpoint_not_found',
    });
  });

  it('is registered, updated, taken out and removed [R6]', async () => {
    const done: unknown[] = [];
    let isNew = true;
    const app = await facade({
      registrar: {
        registerEndpoint: (config, options) => {
          done.push([config.name, options]);
          return Promise.resolve({ entry: { endpoint_id: 'new' }, isNew, fault: null } as never);
        },
        setStatus: (id, status) => (done.push([id, status]), Promise.resolve()),
        removeEndpoint: (id) => (done.push(id), Promise.resolve()),
      },
    });
    const body = { config: { url: 'https://new.example', name: 'new' }, force: true };
    const first = await request(app).post(`${path}/endpoints`).send(body);
    isNew = false;
    const second = await request(app)
      .post(`${path}/endpoints`)
      .send({ ...body, force: false });
    expect([first.status, second.status]).toEqual([201, 200]);
    expect(endpointRegisteredSchema.parse(first.body)).toEqual({
      success: true,
      message: 'registered',
      endpoint_id: 'new',
      endpoint_url: 'https://new.example',
    });
    const status = await request(app).put(`${path}/endpoints/llm/status`).send({ status: 'inactive' });
    expect(endpointStatusChangedSchema.parse(status.body)).toMatchObject({
      endpoint_id: 'llm',
      new_status: 'inactive',
    });
    const removed = await request(app).delete(`${path}/endpoints/llm`);
    expect(endpointRemovedSchema.parse(removed.body)).toMatchObject({ success: true, endpoint_id: 'llm' });
    expect(done).toEqual([
      ['new', { verify: true, force: true }],
      ['new', { verify: true, force: false }],
      ['llm', 'inactive'],
      'llm',
    ]);
  });

  it.each([
    [{ config: { url: 'https://x.example', kind: 'detector' } }, 'config.kind'],
    [{ config: { url: 'x' } }, 'config.url'],
    [{ config: { url: 'https://x.example' }, offset: 1 }, 'offset'],
  ])('is refused with %j', async (body, at) => {
    const response = await request(await facade())
      .post(`${path}/endpoints`)
      .send(body);
    expectError(response, { detail: 'validation_failed', paths: [at] });
  });

  it('cannot be set to a status that health decides', async () => {
    const response = await request(await facade())
      .put(`${path}/endpoints/llm/status`)
      .send({ status: 'unhealthy' });
    expectError(response, { detail: 'validation_failed', paths: ['status'] });
  });
});

describe('the registry as a whole', () => {
  it('has stats whose states add up [R6]', async () => {
    const { body } = await request(await facade()).get(`${path}/stats`);
    expect(registryStatsSchema.parse(body)).toMatchObject({
      registry_stats: { total: 7, active: 4, inactive: 1, disabled: 1, unhealthy: 1 },
    });
  });

  it('is brought back to what its file says [R6]', async () => {
    const plan = {
      added: ['a@1.0'],
      updated: [],
      removed: [],
      unchanged: 3,
      errors: [],
      takenOver: [],
      writes: [],
    };
    const app = await facade({ config: { sync: () => Promise.resolve({ plan, version: '1-abc' }) } });
    const { body } = await request(app).post(`${path}/sync`);
    expect(registrySyncSchema.parse(body)).toMatchObject({
      success: true,
      sync_result: { added: ['a@1.0'], errors: [] },
    });
    const unloaded = new GatewayError('CONFIG_NOT_LOADED', 'none');
    const empty = await facade({ config: { sync: () => Promise.reject(unloaded) } });
    expect((await request(empty).post(`${path}/sync`)).status).toBe(404);
  });
});
