import type { CreatedApiKey } from '../../../src/contract/api-keys';
import type { ErrorResponse, OrchestrationResponse } from '../../../src/contract/answer';
import type { TenantInfo, TenantList } from '../../../src/contract/tenants';
import { conclave } from '../../support/conclave-command';
import { eventually } from '../../support/eventually';
import { flags, held } from '../../support/fake-detectors';
import { type HttpAnswer, type Part, System, testServers } from '../../support/system';

let system: System;
let facades: readonly Part[];
let superAdmin: CreatedApiKey;
let acme: CreatedApiKey;
let globex: CreatedApiKey;
let operator: CreatedApiKey;

beforeAll(async () => {
  system = await System.start({
    detectors: ['a', 'b'],
    mapper: 'real',
    policies: {
      'acme/default': { policy: { required_detectors: ['a'] } },
      'globex/default': { policy: { required_detectors: ['b'] } },
    },
    env: { ORCHESTRATION_SECURITY__AUTH_DISABLED: 'false' },
  });
  facades = [system.facade, await system.startPart('api')];
  superAdmin = JSON.parse(
    await command(['api-key', 'create', '--platform', '--role', 'super_admin', '--format', 'json']),
  ) as CreatedApiKey;
  for (const facade of facades) await answering(facade, superAdmin, 200);
  const made = async (tenant_id: string, role: string) =>
    (
      await ask<CreatedApiKey>(superAdmin, 'POST', '/api-keys', {
        tenant_id,
        description: 'x',
        roles: [role],
      })
    ).body;
  [acme, globex] = [await made('acme', 'tenant_admin'), await made('globex', 'tenant_admin')];
  operator = await made('acme', 'operator');
});
afterAll(() => system?.stop());
beforeEach(() => system.detectors.reset());

async function command(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const url = new URL(testServers().databaseUrl);
  url.pathname = `/${system.database}`;
  const own = { ORCHESTRATION_DATABASE_URL: url.href, ORCHESTRATION_DATA_DIR: system.dataDir };
  const { code, stdout, stderr } = await conclave(args, { ...own, ...env });
  expect([code, stderr]).toEqual([0, '']);
  return stdout;
}

function ask<T = TenantInfo & ErrorResponse>(
  key: CreatedApiKey,
  method: string,
  route: string,
  body?: unknown,
): Promise<HttpAnswer<T>> {
  return system.request<T>(method, route, body, { 'X-API-Key': key.api_key });
}

const put = (key: CreatedApiKey, tenant: string, fields: object) =>
  ask(key, 'PUT', `/tenants/${tenant}`, fields);
const orchestrate = (key: CreatedApiKey, overrides: object = {}) =>
  ask<OrchestrationResponse & ErrorResponse>(
    key,
    'POST',
    '/orchestrate',
    system.body({ tenant_id: 'acme', ...overrides }),
  );

/** Asks one facade for the route of whoever may do most, until it answers so. */
function answering(facade: Part, key: CreatedApiKey, status: number, withinMs?: number): Promise<number> {
  return eventually(
    async () =>
      (await fetch(`${facade.url}/api/v1/tenants`, { headers: { 'x-api-key': key.api_key } })).status,
    (answered) => answered === status,
    withinMs === undefined ? {} : { withinMs },
  );
}

const refusal = ({ status, body }: HttpAnswer<ErrorResponse>) => [status, body.detail];

describe('Records of tenants', () => {
  it('are made by a super admin, and seen by the tenant and nobody else [F.4]', async () => {
    expect(refusal(await ask(acme, 'GET', '/tenants/acme'))).toEqual([404, 'tenant_not_found']);
    expect(refusal(await put(acme, 'acme', { name: 'Acme' }))).toEqual([404, 'tenant_not_found']);
    const made = await put(superAdmin, 'acme', { name: 'Acme Corporation', tier: 'basic' });
    expect([made.status, made.body]).toMatchObject([
      200,
      { tenant_id: 'acme', name: 'Acme Corporation', status: 'active', quotas: { api_keys: 5 } },
    ]);
    await put(superAdmin, 'globex', { name: 'Globex' });
    expect((await ask(acme, 'GET', '/tenants/acme')).body).toEqual(made.body);
    expect(refusal(await ask(globex, 'GET', '/tenants/acme'))).toEqual([404, 'tenant_not_found']);
    expect(refusal(await put(globex, 'acme', { auto_map_results: false }))).toEqual([
      404,
      'tenant_not_found',
    ]);
    expect(refusal(await ask(operator, 'GET', '/tenants/acme'))).toEqual([403, 'permission_missing']);
    const listed = async (key: CreatedApiKey) =>
      (await ask<TenantList>(key, 'GET', '/tenants')).body.tenants.map(({ tenant_id }) => tenant_id);
    expect([await listed(superAdmin), await listed(globex)]).toEqual([['acme', 'globex'], ['globex']]);
  });

  it('are bounded by the platform; the tenant says what it wants [F.4]', async () => {
    const shown = (await ask(acme, 'GET', '/tenants/acme')).body;
    // All of it can be sent back.
    expect((await put(acme, 'acme', { ...shown, callback_hosts: ['hooks.acme.example'] })).status).toBe(200);
    for (const fields of [{ tier: 'enterprise' }, { quotas: { bundles: 99 } }, { name: 'Acme' }])
      expect(refusal(await put(acme, 'acme', fields))).toEqual([403, 'platform_only']);
    expect(refusal(await put(acme, 'acme', { rate_limit_per_minute: 9 }))).toEqual([403, 'platform_only']);
    expect((await ask(acme, 'GET', '/tenants/acme')).body).toMatchObject({
      name: 'Acme Corporation',
      tier: 'basic',
      callback_hosts: ['hooks.acme.example'],
    });
  });

  it('are on record with who changed what, and never with a name [F.4]', async () => {
    const { rows } = await system.db.query<{ record: { principal: string; from: unknown; to: unknown } }>(
      `select record from audit where kind = 'tenant_change' and tenant_id = 'acme' order by sequence`,
    );
    expect(rows.map(({ record }) => record)).toMatchObject([
      { principal: `key:${superAdmin.key_id}`, from: null, to: { tier: 'basic' } },
      {
        principal: `key:${acme.key_id}`,
        from: { callback_hosts: null },
        to: { callback_hosts: [expect.any(String)] },
      },
    ]);
    const kept = await system.db.query<{ row: string }>(
      `select audit::text as row from audit union all select encode(name, 'escape') from tenant`,
    );
    expect(kept.rows.map(({ row }) => row).join()).not.toMatch(/Acme Corporation/);
  });

  it('are worked on from the command line', async () => {
    const env = { CONCLAVE_API_KEY: superAdmin.api_key };
    const tenant = async (...args: string[]) =>
      JSON.parse(await command(['tenant', ...args, '--url', system.url, '--json'], env)) as TenantInfo;
    const made = await tenant(
      'put',
      'initech',
      '--name',
      'Initech',
      '--tier',
      'free',
      '--set',
      'worker_queue="gpu"',
    );
    expect(made).toMatchObject({ name: 'Initech', worker_queue: 'gpu', tier: 'free' });
    expect(await tenant('suspend', 'initech')).toMatchObject({ status: 'suspended', worker_queue: 'gpu' });
    expect(await tenant('resume', 'initech')).toMatchObject({ status: 'active' });
    expect(await tenant('get', 'initech')).toMatchObject({ tenant_id: 'initech', status: 'active' });
    expect(await command(['tenant', 'list', '--url', system.url], env)).toMatch(
      /initech .* Initech .* active/,
    );
  });
});

describe('A tenant', () => {
  it('is judged by its own bundle and with its own switches, on every facade within a second [F.4]', async () => {
    const judged = async (key: CreatedApiKey, tenant_id: string) => {
      const { body } = await orchestrate(key, { tenant_id, content: `a text ${Math.random()}` });
      return [body.detector_results.map(({ detector }) => detector), body.mapping_result !== null];
    };
    await put(acme, 'acme', { auto_map_results: true });
    await put(globex, 'globex', { auto_map_results: false });
    for (const facade of facades) {
      system.url = facade.url;
      await eventually(
        async () => JSON.stringify([await judged(acme, 'acme'), await judged(globex, 'globex')]),
        (seen) =>
          seen ===
          JSON.stringify([
            [['a'], true],
            [['b'], false],
          ]),
      );
    }
  });

  it('has no limit of its bundles above its own [F.4]', async () => {
    const limitSeen = async () => (await orchestrate(acme)).headers.get('x-ratelimit-limit');
    expect(Number(await limitSeen())).toBeGreaterThan(700);
    await put(superAdmin, 'acme', { rate_limit_per_minute: 700 });
    expect(await limitSeen()).toBe('700');
  });

  it('that is suspended begins nothing, by any credential and on any facade, while its jobs run to their end [F.4]', async () => {
    const { behavior, release } = held(flags('toxic', 0.9));
    system.detectors.behave('a', behavior);
    const job = (await orchestrate(operator, { processing_mode: 'async' })).body.job_id!;
    await system.detectors.called('a');
    expect((await put(superAdmin, 'acme', { status: 'suspended' })).body.status).toBe('suspended');
    for (const facade of facades) {
      await answering(facade, acme, 403);
      system.url = facade.url;
      expect(refusal(await orchestrate(operator))).toEqual([403, 'tenant_inactive']);
      expect(refusal(await orchestrate(superAdmin))).toEqual([403, 'tenant_inactive']);
      expect(refusal(await ask(acme, 'GET', `/orchestrate/status/${job}`))).toEqual([403, 'tenant_inactive']);
    }
    const batch = await system.request<ErrorResponse>(
      'POST',
      '/orchestrate/batch',
      { requests: [system.body({ tenant_id: 'acme' })] },
      { 'X-API-Key': superAdmin.api_key, 'Idempotency-Key': 'of-the-suspended' },
    );
    expect(refusal(batch)).toEqual([403, 'tenant_inactive']);
    const bulk = await fetch(`${system.url}/api/v1/orchestrate/bulk`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson', 'x-api-key': superAdmin.api_key },
      body: JSON.stringify(system.body({ tenant_id: 'acme' })),
    });
    expect([bulk.status, ((await bulk.json()) as ErrorResponse).detail]).toEqual([403, 'tenant_inactive']);
    release();
    const ended = await eventually(
      () => ask<{ status: string }>(superAdmin, 'GET', `/orchestrate/status/${job}`),
      ({ body }) => body.status === 'completed',
    );
    expect(ended.status).toBe(200);
    expect(refusal(await ask(superAdmin, 'POST', `/orchestrate/jobs/${job}/rerun`, {}))).toEqual([
      403,
      'tenant_inactive',
    ]);
    expect((await orchestrate(globex, { tenant_id: 'globex' })).status).toBe(200);
    await put(superAdmin, 'acme', { status: 'active' });
    for (const facade of facades) await answering(facade, acme, 200);
    expect((await orchestrate(operator)).status).toBe(200);
  });
});
