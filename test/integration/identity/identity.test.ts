import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import type { ApiKeyList, CreatedApiKey } from '../../../src/contract/api-keys';
import type { ErrorResponse, OrchestrationResponse } from '../../../src/contract/answer';
import type { TokenPairAnswer, UserContext } from '../../../src/contract/auth-api';
import { conclave } from '../../support/conclave-command';
import { eventually } from '../../support/eventually';
import { type HttpAnswer, type Part, System, testServers } from '../../support/system';

const secret = `a secret of this test ${randomUUID()}`;
const policies = { 'acme/default': { policy: {} }, 'globex/default': { policy: {} } };

let system: System;
let facades: readonly Part[];
let env: Record<string, string>;
let superAdmin: CreatedApiKey;
let acme: CreatedApiKey;
let globex: CreatedApiKey;
let viewer: CreatedApiKey;

beforeAll(async () => {
  system = await System.start({
    detectors: ['a'],
    policies,
    parts: ['api', 'worker'],
    env: {
      ORCHESTRATION_SECURITY__AUTH_DISABLED: 'false',
      ORCHESTRATION_SECURITY__METRICS_PUBLIC: 'false',
      ORCHESTRATION_JWT_SECRET_KEY: secret,
      ORCHESTRATION_AUTH__DEV_TOKENS: 'true',
      ORCHESTRATION_AUTH__ATTEMPT_LIMIT__MAX: '100000',
    },
  });
  const url = new URL(testServers().databaseUrl);
  url.pathname = `/${system.database}`;
  env = { ORCHESTRATION_DATABASE_URL: url.href, ORCHESTRATION_DATA_DIR: system.dataDir };
  facades = [system.facade, await system.startPart('api')];
  superAdmin = await command('create', '--platform', '--role', 'super_admin');
  const made = (tenant_id: string, role: string) =>
    ask<CreatedApiKey>('POST', '/api-keys', superAdmin, { tenant_id, description: role, roles: [role] });
  acme = (await made('acme', 'tenant_admin')).body;
  globex = (await made('globex', 'tenant_admin')).body;
  viewer = (await made('acme', 'viewer')).body;
});
afterAll(() => system?.stop());

/** A key as the command line makes it, which every facade has heard of when this returns. */
async function command(...args: string[]): Promise<CreatedApiKey> {
  const { code, stdout, stderr } = await conclave(['api-key', ...args, '--format', 'json'], env);
  expect([code, stderr]).toEqual([0, '']);
  const key = JSON.parse(stdout) as CreatedApiKey;
  if (key.api_key) for (const facade of facades) await known(facade, bearer(key), 200);
  return key;
}

const header = ({ api_key }: CreatedApiKey) => ({ 'X-API-Key': api_key });
const bearer = ({ api_key }: CreatedApiKey) => api_key;

function ask<T = ErrorResponse>(
  method: string,
  path: string,
  key: CreatedApiKey | null,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpAnswer<T>> {
  return system.request<T>(method, path, body, { ...(key && header(key)), ...headers });
}

/** Asks one facade who a credential is, until it answers so. */
function known(facade: Part, credential: string, status: number): Promise<number> {
  return eventually(
    async () =>
      (await fetch(`${facade.url}/api/v1/auth/user`, { headers: { authorization: `Bearer ${credential}` } }))
        .status,
    (answered) => answered === status,
  );
}

const orchestrate = (
  key: CreatedApiKey | null,
  overrides: object = {},
  headers: Record<string, string> = {},
) =>
  ask<OrchestrationResponse & ErrorResponse>(
    'POST',
    '/orchestrate',
    key,
    system.body({ tenant_id: 'acme', ...overrides }),
    headers,
  );

const signed = (claims: object) =>
  new SignJWT({ tenant_id: 'acme', roles: ['operator'], jti: randomUUID(), ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('ann')
    .setIssuedAt()
    .setExpirationTime('10m')
    .sign(new TextEncoder().encode(secret));

const refusal = ({ status, body }: HttpAnswer<ErrorResponse>) => [status, body.error_code, body.detail];

describe('The first key', () => {
  it('comes of the command line, and is shown once [11.2]', async () => {
    expect(superAdmin).toMatchObject({ tenant_id: null, roles: ['super_admin'], created_by: 'cli' });
    const { code, stdout } = await conclave(['api-key', 'list', '--format', 'json'], env);
    expect([code, stdout.includes(superAdmin.key_id), stdout.includes(superAdmin.api_key)]).toEqual([
      0,
      true,
      false,
    ]);
    const { rows } = await system.db.query<{ row: string }>('select api_key::text as row from api_key');
    expect(rows.map(({ row }) => row).join()).not.toContain(superAdmin.api_key.slice(-43));
  });

  it.each([
    [['create', '--role', 'viewer'], /--tenant <tenant>, or --platform/],
    [['create', '--tenant', 'acme'], /must name a role/],
    [['create', '--tenant', 'acme', '--scope', 'everything'], /must be a permission/],
    [['create', '--tenant', 'acme', '--role', 'super_admin'], /bound to no tenant/],
    [['revoke', 'nothing'], /there is no such key/],
  ])('is not made by conclave api-key %j', async (args, problem) => {
    const { code, stderr } = await conclave(['api-key', ...args], env);
    expect(code).toBe(1);
    expect(stderr).toMatch(problem);
  });
});

describe('A call', () => {
  it('is let in by API key and by token, and by nothing else [11.2]', async () => {
    expect((await orchestrate(acme)).status).toBe(200);
    expect((await orchestrate(null, {}, { Authorization: `Bearer ${acme.api_key}` })).status).toBe(200);
    const token = { Authorization: `Bearer ${await signed({})}` };
    expect((await orchestrate(null, {}, token)).status).toBe(200);
    const none = await orchestrate(null);
    expect(refusal(none)).toEqual([401, 'UNAUTHORIZED', 'credentials_missing']);
    expect(none.headers.get('www-authenticate')).toMatch(/^Bearer error="/);
    const expired = await new SignJWT({ tenant_id: 'acme', jti: 'x' })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject('ann')
      .setIssuedAt(1)
      .setExpirationTime(2)
      .sign(new TextEncoder().encode(secret));
    expect(refusal(await orchestrate(null, {}, { Authorization: `Bearer ${expired}` }))).toEqual([
      401,
      'UNAUTHORIZED',
      'token_expired',
    ]);
  });

  it('reads with scopes to read and writes with scopes to write [11.2] [10.2]', async () => {
    expect(refusal(await orchestrate(viewer))).toEqual([403, 'INSUFFICIENT_RBAC', 'permission_missing']);
    const job = (await orchestrate(acme, { processing_mode: 'async' })).body.job_id!;
    expect((await ask('GET', `/orchestrate/status/${job}`, viewer)).status).toBe(200);
    expect((await ask('DELETE', `/orchestrate/status/${job}`, viewer)).status).toBe(403);
    const writer = await command('create', '--tenant', 'acme', '--scope', 'orchestrate:write');
    expect((await orchestrate(writer)).status).toBe(200);
    expect((await ask('GET', `/orchestrate/status/${job}`, writer)).status).toBe(403);
  });

  it('is for the tenant of its credential; what is another’s does not exist [11.2] [C.9] [F.4]', async () => {
    const job = (await orchestrate(acme, { processing_mode: 'async' })).body.job_id!;
    expect(refusal(await orchestrate(globex))).toEqual([403, 'INSUFFICIENT_RBAC', 'tenant_mismatch']);
    expect(refusal(await orchestrate(acme, {}, { 'X-Tenant-ID': 'globex' }))[2]).toBe('tenant_mismatch');
    for (const [method, path] of [
      ['GET', `/orchestrate/status/${job}`],
      ['DELETE', `/orchestrate/status/${job}`],
      ['DELETE', `/api-keys/${acme.key_id}`],
      ['POST', `/api-keys/${acme.key_id}/rotate`],
    ] as const) {
      expect([path, (await ask(method, path, globex)).status]).toEqual([path, 404]);
    }
    const keys = (await ask<ApiKeyList>('GET', '/api-keys', globex)).body.api_keys;
    expect(keys.map(({ key_id }) => key_id)).toEqual([globex.key_id]);
    const mixed = { Authorization: `Bearer ${await signed({ tenant_id: 'globex' })}` };
    expect(refusal(await orchestrate(acme, {}, mixed))).toEqual([
      403,
      'INSUFFICIENT_RBAC',
      'tenant_mismatch',
    ]);
    expect((await orchestrate(superAdmin)).status).toBe(200);
  });

  it('of a bound tenant does nothing that all would feel [F.4]', async () => {
    for (const [method, path] of [
      ['POST', '/circuit-breaker/trip/a'],
      ['POST', '/config/reload'],
      ['DELETE', '/cache?detector=a'],
      ['GET', '/metrics'],
    ] as const) {
      expect([path, (await ask(method, path, acme)).status]).toEqual([path, 403]);
    }
    expect((await ask('POST', '/circuit-breaker/reset/a', superAdmin)).status).toBe(200);
  });

  it('of a client of another product shows its key where such clients do [11.2]', async () => {
    const moderate = (key: string | null) =>
      system.request<Record<string, never>>(
        'POST',
        '/moderations',
        { input: 'a text' },
        { 'X-Policy-Bundle': 'default', ...(key === null ? {} : { Authorization: `Bearer ${key}` }) },
      );
    expect((await moderate(acme.api_key)).status).toBe(200);
    expect((await moderate('conclave')).status).toBe(401);
    expect((await moderate(null)).status).toBe(401);
  });
});

describe('Every operation of the OpenAPI document', () => {
  interface Documented {
    readonly paths: Record<string, Record<string, { 'x-permission'?: string | null; servers?: object }>>;
  }
  const refusedOf = (path: string): number => (path === '/webhooks/portkey' ? 200 : 401);

  it('asks who calls, and for its permission [A5] [11.2] [10.2] [F.5]', async () => {
    const powerless = await command('create', '--tenant', 'acme', '--scope', 'tasks:read');
    const { paths } = (await system.request<Documented>('GET', '/openapi.json')).body;
    let asked = 0;
    for (const [path, methods] of Object.entries(paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        const permission = operation['x-permission'];
        if (permission === undefined) continue;
        const base = operation.servers ? system.url : `${system.url}/api/v1`;
        const called = `${base}${path.replace(/\{\w+\}/g, 'x')}`;
        const status = async (headers: Record<string, string>) =>
          (await fetch(called, { method: method.toUpperCase(), headers })).status;
        expect([path, method, await status({})]).toEqual([path, method, refusedOf(path)]);
        expect([path, method, await status({ 'X-API-Key': 'ck_0' })]).toEqual([
          path,
          method,
          refusedOf(path),
        ]);
        if (permission === null || path.startsWith('/proxy/')) continue;
        const expected = refusedOf(path) === 200 ? 200 : 403;
        expect([path, method, await status(header(powerless))]).toEqual([path, method, expected]);
        asked++;
      }
    }
    expect(asked).toBeGreaterThan(60);
  });
});

describe('A key', () => {
  it('is made with what its maker may do, and no more [10.2]', async () => {
    const admin = await command('create', '--tenant', 'acme', '--role', 'admin');
    const make = (key: CreatedApiKey, wanted: object) =>
      ask('POST', '/api-keys', key, { description: 'for a test', ...wanted });
    expect((await make(admin, { roles: ['operator'] })).status).toBe(201);
    for (const wanted of [
      { roles: ['tenant_admin'] },
      { roles: ['super_admin'] },
      { scopes: ['tenant:admin'] },
    ]) {
      expect(refusal(await make(admin, wanted))).toEqual([403, 'INSUFFICIENT_RBAC', 'cannot_grant']);
    }
    for (const tenant_id of ['globex', null]) {
      expect(refusal(await make(admin, { tenant_id, roles: ['viewer'] }))[2]).toBe('tenant_mismatch');
    }
    expect((await ask('POST', `/api-keys/${acme.key_id}/rotate`, admin)).body.detail).toBe('cannot_grant');
    expect((await make(viewer, { roles: ['viewer'] })).status).toBe(403);
  });

  it('is rotated with grace, and revoked on every replica [F.5] [11.2]', async () => {
    const old = await command('create', '--tenant', 'acme', '--role', 'viewer');
    const rotated = await ask<CreatedApiKey>('POST', `/api-keys/${old.key_id}/rotate`, acme);
    expect(rotated.status).toBe(201);
    for (const facade of facades) {
      await known(facade, rotated.body.api_key, 200);
      await known(facade, old.api_key, 200);
    }
    expect((await ask('POST', `/api-keys/${old.key_id}/rotate`, acme)).body.detail).toBe('key_not_active');
    expect((await ask('DELETE', `/api-keys/${rotated.body.key_id}`, acme)).status).toBe(204);
    expect((await command('revoke', old.key_id)) as unknown).toEqual({ revoked: old.key_id });
    for (const facade of facades) {
      await known(facade, rotated.body.api_key, 401);
      await known(facade, old.api_key, 401);
    }
    const atOnce = await command('create', '--tenant', 'acme', '--role', 'viewer');
    await ask('POST', `/api-keys/${atOnce.key_id}/rotate?grace_hours=0`, acme);
    for (const facade of facades) await known(facade, atOnce.api_key, 401);
  });
});

describe('Tokens', () => {
  const pairFor = async (): Promise<TokenPairAnswer> => {
    const asked = { sub: 'ann', tenant_id: 'acme', roles: ['viewer'] };
    const { status, body } = await system.request<TokenPairAnswer>('POST', '/auth/dev-token', asked);
    expect(status).toBe(201);
    return body;
  };
  const refresh = (refresh_token: string) =>
    system.request<TokenPairAnswer & ErrorResponse>('POST', '/auth/refresh', { refresh_token });

  it('say who calls, and are refreshed once; a replay ends them all, everywhere [A6] [A9]', async () => {
    const first = await pairFor();
    const me = await system.request<UserContext>('GET', '/auth/user', undefined, {
      Authorization: `Bearer ${first.access_token}`,
    });
    expect(me.body).toMatchObject({
      subject: 'ann',
      tenant_id: 'acme',
      roles: ['viewer'],
      auth_method: 'jwt',
    });
    const second = await refresh(first.refresh_token);
    expect([second.status, second.body.token_type]).toEqual([200, 'Bearer']);
    for (const facade of facades) await known(facade, second.body.access_token, 200);
    expect((await refresh(first.refresh_token)).status).toBe(401);
    for (const facade of facades) {
      await known(facade, second.body.access_token, 401);
      await known(facade, first.access_token, 401);
    }
    expect((await refresh(second.body.refresh_token)).status).toBe(401);
    expect((await refresh(first.access_token)).status).toBe(401);
  });

  it('are ended by their holder, and by an admin of their tenant [A6] [A9]', async () => {
    const mine = await pairFor();
    const out = await system.request('POST', '/auth/logout', undefined, {
      Authorization: `Bearer ${mine.access_token}`,
    });
    expect(out.status).toBe(204);
    for (const facade of facades) await known(facade, mine.access_token, 401);
    expect((await refresh(mine.refresh_token)).status).toBe(401);

    const early = await pairFor();
    const late = (await refresh(early.refresh_token)).body;
    await system.request('POST', '/auth/logout', undefined, {
      Authorization: `Bearer ${early.access_token}`,
    });
    for (const facade of facades) await known(facade, late.access_token, 401);
    expect((await refresh(late.refresh_token)).status).toBe(401);

    const other = await signed({});
    const revoke = (key: CreatedApiKey, named: object) => ask('POST', '/auth/revoke', key, named);
    expect((await revoke(viewer, { token: other })).status).toBe(403);
    expect((await revoke(globex, { token: other })).status).toBe(403);
    expect((await revoke(acme, { token: other })).status).toBe(204);
    for (const facade of facades) await known(facade, other, 401);
  });

  it('are validated for whoever shows them [A6]', async () => {
    const token = await signed({});
    const validate = (text: string) => system.request('POST', '/auth/validate', { token: text });
    expect((await validate(token)).body).toMatchObject({ valid: true, claims: { sub: 'ann' }, error: null });
    expect((await validate(`${token}x`)).body).toMatchObject({
      valid: false,
      claims: null,
      error: 'token_invalid',
    });
    expect((await system.request('POST', '/auth/validate', {})).status).toBe(400);
  });

  it('are signed, verified and revoked by the command line', async () => {
    const settings = { ...env, ORCHESTRATION_JWT_SECRET_KEY: secret };
    const issued = await conclave(
      ['token', 'issue', '--sub', 'bob', '--tenant', 'acme', '--role', 'viewer'],
      settings,
    );
    const token = issued.stdout.trim();
    await known(facades[0]!, token, 200);
    const verified = await conclave(['token', 'verify', token, '--json'], settings);
    expect(JSON.parse(verified.stdout)).toMatchObject({ sub: 'bob', roles: ['viewer'] });
    expect((await conclave(['token', 'verify', `${token}x`], settings)).code).toBe(1);
    const asAcme = { ...settings, CONCLAVE_API_KEY: acme.api_key };
    const revoked = await conclave(['token', 'revoke', token, '--url', system.url], asAcme);
    expect([revoked.code, revoked.stderr]).toEqual([0, '']);
    for (const facade of facades) await known(facade, token, 401);
  });
});

describe('Whoever guesses', () => {
  it('learns nothing more for a while, and keeps out nobody at the same address [A8]', async () => {
    const strict = await system.startPart('api', { ORCHESTRATION_AUTH__ATTEMPT_LIMIT__MAX: '3' });
    const at = (path: string) =>
      fetch(`${strict.url}/api/v1${path}`, {
        headers: { 'X-API-Key': `ck_${'0'.repeat(16)}_${'A'.repeat(43)}` },
      });
    for (let attempt = 0; attempt < 3; attempt++) expect((await at('/auth/user')).status).toBe(401);
    const blocked = await at('/auth/user');
    expect([blocked.status, (await blocked.json()) as object]).toEqual([
      429,
      expect.objectContaining({ error_code: 'AUTH_RATE_LIMITED', retryable: true }),
    ]);
    expect(Number(blocked.headers.get('retry-after'))).toBeGreaterThan(0);
    const onOrchestration = await at('/detectors');
    expect([onOrchestration.status, (await onOrchestration.json()) as object]).toEqual([
      403,
      expect.objectContaining({ error_code: 'RATE_LIMITED', detail: 'auth_attempts' }),
    ]);
    const asked = await fetch(`${strict.url}/api/v1/auth/validate`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ token: `${await signed({})}x` }),
    });
    expect(asked.status).toBe(429);
    const good = await fetch(`${strict.url}/api/v1/auth/user`, { headers: header(acme) });
    expect(good.status).toBe(200);
    await strict.end();
    system.url = facades[1]!.url;
  });
});

describe('What was decided', () => {
  it('is counted per tenant, and the sums agree [10.2] [A11]', async () => {
    const page = async () => (await fetch(`${system.url}/metrics`, { headers: header(superAdmin) })).text();
    const sum = (text: string, ...labels: readonly string[]): number =>
      [...text.matchAll(/^orchestrator_rbac_enforcement_total\{(.*)\} (\d+)$/gm)]
        .filter(([, all]) => labels.every((label) => all!.includes(label)))
        .reduce((total, [, , count]) => total + Number(count), 0);
    const before = await page();
    for (const key of [acme, acme, globex]) await ask('GET', '/registry/stats', key);
    for (const key of [acme, globex, globex]) await ask('POST', '/registry/sync', key);
    const after = await page();
    const added = (...labels: readonly string[]) => sum(after, ...labels) - sum(before, ...labels);
    const perTenant = ['acme', 'globex'].map((tenant) =>
      ['allowed', 'denied'].map((decision) => added(`tenant="${tenant}"`, `decision="${decision}"`)),
    );
    expect(perTenant).toEqual([
      [2, 1],
      [1, 2],
    ]);
    expect(added() - added('tenant="(platform)"')).toBe(6);
    expect(after).toMatch(/gateway_auth_attempts_total\{outcome="failure",reason="expired"\} \d+/);
  });

  it('is on record, with who and what, and no credential [A8] [F.14]', async () => {
    await eventually(
      async () => (await system.db.query<{ kind: string }>('select distinct kind from audit')).rows,
      (rows) =>
        ['api_key_change', 'auth_failure', 'permission_denied', 'platform_access'].every((kind) =>
          rows.some((row) => row.kind === kind),
        ),
    );
    const { rows } = await system.db.query<{ record: string }>('select record::text from audit');
    const everything = rows.map(({ record }) => record).join() + system.parts.map(({ log }) => log).join();
    for (const { api_key } of [superAdmin, acme, globex, viewer])
      expect(everything).not.toContain(api_key.slice(-43));
    expect(everything).not.toContain(secret);
  });
});

it('A version is approved by somebody else than who submitted it, whatever they say they are called [11.2]', async () => {
  const change = (method: string, path: string, key: CreatedApiKey, body?: unknown) =>
    ask(method, `/policies/mine${path}`, key, body, { 'X-Principal': randomUUID() });
  const policy = {
    policy_bundle: 'mine',
    tenant_id: 'acme',
    version: '1.0',
    required_detectors: ['a'],
    coverage_calculation: { calculation_method: 'required_set' },
  };
  const put = await change('PUT', '', acme, { policy, description: 'x', requires_approval: true });
  expect(put.status).toBe(201);
  expect(put.body).toMatchObject({ created_by: `key:${superAdmin.key_id}` });
  const approve = { decision: 'approve', note: 'fine' };
  expect((await change('POST', '/versions/1.0/review', acme, approve)).body.detail).toBe(
    'approver_is_submitter',
  );
  const wanted = { description: 'a second one', roles: ['admin'] };
  const second = (await ask<CreatedApiKey>('POST', '/api-keys', acme, wanted)).body;
  const third = (await ask<CreatedApiKey>('POST', `/api-keys/${second.key_id}/rotate`, acme)).body;
  for (const key of [second, third]) {
    const { detail } = (await change('POST', '/versions/1.0/review', key, { ...approve })).body;
    expect([key.key_id, detail]).toEqual([key.key_id, 'approver_is_submitter']);
  }
  const colleague = await command('create', '--tenant', 'acme', '--role', 'admin');
  expect((await change('POST', '/versions/1.0/review', colleague, approve)).status).toBe(200);
});
