import { Router } from 'express';
import request from 'supertest';
import { declaredRoutes, needs, open } from '../../../src/api/access';
import type { Credentials, Decision } from '../../../src/api/gate';
import { ConclaveError } from '../../../src/contract/errors';
import { anonymous, type Identity, permissions } from '../../../src/contract/identity';
import { appWith } from './support';

const openToAnybody = [
  ...['/api/v1/auth/dev-token', '/api/v1/auth/refresh', '/api/v1/auth/validate'],
  ...['/api/v1/health', '/api/v1/health/live', '/api/v1/health/ready'],
];
/** The document and its page, and other names of what is in it. */
const undocumented = [
  ...['get /api/v1/docs', 'get /api/v1/docs/start.js', 'get /api/v1/metrics', 'get /api/v1/openapi.json'],
  ...['get /health', 'get /health/live', 'get /health/ready', 'get /metrics'],
  ...['post /api/v1/codec/x/decode', 'post /v1/moderations'],
];
const tenant: Identity = { ...anonymous, method: 'api_key', tenantId: 'acme', roles: ['tenant_admin'] };
const callers: Readonly<Record<string, Identity>> = {
  tenant,
  powerless: { ...tenant, roles: [], grants: [] },
  installation: { ...anonymous, method: 'api_key', roles: ['operator'] },
  superAdmin: { ...anonymous, method: 'api_key' },
};

function authenticate({ apiKey }: Credentials): Promise<Identity> {
  const known = apiKey === undefined ? undefined : callers[apiKey];
  if (known) return Promise.resolve(known);
  const detail = apiKey === undefined ? 'credentials_missing' : 'unknown_credential';
  return Promise.reject(new ConclaveError('UNAUTHORIZED', 'who are you?', { detail }));
}

interface Operation {
  readonly method: 'get' | 'post' | 'put' | 'delete';
  readonly path: string;
  /** Null: whoever is known may call. */
  readonly permission: string | null | undefined;
  readonly reach: string | undefined;
  readonly security: readonly object[] | undefined;
  readonly parameters: readonly { readonly name: string }[] | undefined;
  readonly responses: Readonly<Record<string, object>>;
}

const nothingToRead = () => Promise.reject(new Error('no payload is expected'));
const codec = {
  payloads: { decode: nothingToRead, ownerOf: nothingToRead },
  token: 'a token of nobody’s',
  origins: [],
};
const app = appWith({ authenticate, codec });

async function operations(): Promise<Operation[]> {
  const { body } = await request(await app).get('/api/v1/openapi.json');
  const paths = (body as { paths: Record<string, Record<string, Record<string, never>>> }).paths;
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .map(([method, operation]) => ({
        method: method as Operation['method'],
        path: `${operation['servers'] ? '' : '/api/v1'}${path.replace(/\{\w+\}/g, 'x')}`,
        permission: operation['x-permission'],
        reach: operation['x-reach'],
        security: operation['security'],
        parameters: operation['parameters'],
        responses: operation['responses']!,
      }))
      // Without a gateway nothing is passed on: test/unit/proxy, test/integration/identity.
      .filter(({ path: called }) => !/^\/api\/v1\/(?:proxy|router)\//.test(called)),
  );
}

async function call({ method, path }: Operation, apiKey?: string, headers: object = {}) {
  const sent = request(await app)
    [method](path)
    .set({ ...headers });
  return apiKey === undefined ? sent : sent.set('X-API-Key', apiKey);
}

/** Portkey's clients let traffic pass after an error: a refusal is a verdict. */
const isVerdict = ({ path }: Operation) => path === '/webhooks/portkey';

async function guarded(): Promise<Operation[]> {
  return (await operations()).filter(({ permission }) => typeof permission === 'string');
}

describe('Every operation of the OpenAPI document', () => {
  it('declares its permission, or that anybody may call [A3] [A5]', async () => {
    const all = await operations();
    expect(all.length).toBeGreaterThan(60);
    for (const { method, path, permission, security } of all) {
      const declared = permission === undefined ? security?.length === 0 : security?.length === 2;
      expect([`${method} ${path}`, declared]).toEqual([`${method} ${path}`, true]);
      if (typeof permission === 'string') expect(permissions).toContain(permission);
    }
    const known = all.filter(({ permission }) => permission === null).map(({ path }) => path);
    expect(known.toSorted()).toEqual(['/api/v1/auth/logout', '/api/v1/auth/user']);
    const anybody = all.filter(({ permission }) => permission === undefined).map(({ path }) => path);
    expect(anybody.toSorted()).toEqual(openToAnybody);
  });

  it('is all there is but pages, and every route is one of them [A5]', async () => {
    const shape = (method: string, path: string) => `${method} ${path.replace(/\{\w+\}/g, 'x')}`;
    const documented = (await operations()).map(({ method, path }) => shape(method, path));
    const layers = (await app).router.stack as unknown as readonly { rawPath: string; handle: Router }[];
    const routed = layers
      .filter(({ handle }) => 'stack' in handle)
      .flatMap(({ rawPath, handle }) => declaredRoutes(rawPath === '/' ? '' : rawPath, handle))
      .map(({ method, path }) => shape(method, path));
    expect(routed.filter((route) => !documented.includes(route)).toSorted()).toEqual(undocumented);
    expect(documented.filter((route) => !routed.includes(route))).toEqual([]);
  });

  it('that takes an Idempotency-Key foresees the conflict of keys, beside those of its own', async () => {
    const keyed = (await operations()).filter(({ parameters }) =>
      parameters?.some(({ name }) => name === 'Idempotency-Key'),
    );
    expect(keyed.length).toBeGreaterThan(30);
    for (const { path, responses } of keyed)
      expect([path, JSON.stringify(responses['409'])]).toEqual([
        path,
        expect.stringContaining('"#/components/schemas/ErrorResponse"'),
      ]);
  });

  it('asks who calls [A3] [A5] [11.2]', async () => {
    const closed = (await operations()).filter(({ permission }) => permission !== undefined);
    for (const operation of closed) {
      for (const wrong of [undefined, 'nobody']) {
        const { status, headers, text } = await call(operation, wrong);
        expect([operation.path, status]).toEqual([operation.path, isVerdict(operation) ? 200 : 401]);
        expect(headers['www-authenticate']).toMatch(/^Bearer error="invalid_(request|token)"$|^Bearer$/);
        if (isVerdict(operation)) expect(JSON.parse(text)).toMatchObject({ verdict: false });
      }
    }
  });

  it('asks for its permission [10.2] [F.5]', async () => {
    for (const operation of await guarded()) {
      const { status, text } = await call(operation, 'powerless');
      expect([operation.path, status]).toEqual([operation.path, isVerdict(operation) ? 200 : 403]);
      expect(text).toContain(operation.permission!);
    }
  });

  it('refuses a credential of another tenant [11.2] [C.9] [F.4]', async () => {
    for (const operation of await guarded()) {
      const { status, text } = await call(operation, 'tenant', { 'X-Tenant-ID': 'globex' });
      expect([operation.path, status]).toEqual([operation.path, isVerdict(operation) ? 200 : 403]);
      expect(text).toMatch(/another tenant/);
    }
  });

  it('is for tenants or for the installation, as it says [F.4]', async () => {
    for (const operation of await guarded()) {
      const refused = async (who: string) =>
        /bound to no tenant|super admins/.test((await call(operation, who)).text);
      expect([operation.path, await refused('tenant')]).toEqual([
        operation.path,
        operation.reach === 'installation',
      ]);
      expect([operation.path, await refused('installation')]).toEqual([
        operation.path,
        operation.reach === 'tenant',
      ]);
    }
  });

  it('lets in whom it is for [A3]', async () => {
    for (const operation of await guarded()) {
      const { status, text } = await call(operation, 'superAdmin');
      expect([operation.path, [401, 403].includes(status), text.includes('who are you')]).toEqual([
        operation.path,
        false,
        false,
      ]);
    }
  });
});

describe('A route', () => {
  const handler = (_request: unknown, response: { end(): void }) => response.end();

  it.each<[string, (router: Router) => unknown]>([
    ['routed to', (router) => router.get('/x', handler as never)],
    ['used', (router) => router.use('/x', handler as never)],
    [
      'used after a declaration for another path',
      (router) => router.use('/x', open()).use('/y', handler as never),
    ],
    ['in a router of a router', (router) => router.use(Router().get('/x', handler as never))],
    [
      'declared for another method',
      (router) =>
        router
          .route('/x')
          .get(open())
          .post(handler as never),
    ],
  ])('that declares no permission and is %s is not served [A5]', (_how, add) => {
    const router = Router();
    add(router);
    expect(() => declaredRoutes('/api', router)).toThrow(/declares no permission/);
  });

  it('is known by method, path and permission', () => {
    const router = Router();
    router.get(['/a/:id', '/b'], needs('registry:read'), handler as never);
    router.use('/c', needs('debug:read'), handler as never);
    expect(declaredRoutes('/api', router).map(({ method, path }) => `${method} ${path}`)).toEqual([
      'get /api/a/{id}',
      'get /api/b',
    ]);
  });

  it('asks for grants for its resource [A4]', async () => {
    const few: Identity = { ...tenant, tenantId: null, roles: [], grants: ['breaker:read:a*'] };
    const one = await appWith({ authenticate: () => Promise.resolve(few) });
    expect((await request(one).get('/api/v1/circuit-breaker/endpoints/a')).status).toBe(200);
    expect((await request(one).get('/api/v1/circuit-breaker/endpoints/b')).status).toBe(403);
    expect((await request(one).get('/api/v1/circuit-breaker/status')).status).toBe(403);
  });
});

it('Decisions are told with whom they are about, by template of the path [10.2]', async () => {
  const decisions: Decision[] = [];
  const watched = await appWith({ authenticate, decided: (decision) => decisions.push(decision) });
  await request(watched).get('/api/v1/detectors/secret-name').set('X-API-Key', 'tenant');
  await request(watched).get('/api/v1/detectors/secret-name').set('X-API-Key', 'powerless');
  expect(decisions).toMatchObject([
    { endpoint: 'GET /detectors/:name', tenantId: 'acme', permission: 'registry:read', refusal: null },
    { endpoint: 'GET /detectors/:name', tenantId: 'acme', refusal: 'permission_missing' },
  ]);
});

it('Without authentication whoever reaches the port is an anonymous admin', async () => {
  const without = await appWith();
  expect((await request(without).get('/api/v1/config/status')).status).not.toBe(401);
  expect((await request(without).get('/api/v1/circuit-breaker/status')).status).toBe(200);
});

it('Whoever reads the metrics is asked who it is, and never told that it does so too often', async () => {
  const one = await appWith({ authenticate, metricsArePublic: false, perCredential: 1 });
  const answers = [];
  for (const key of ['superAdmin', 'superAdmin', 'tenant'])
    answers.push((await request(one).get('/metrics').set('X-API-Key', key)).status);
  expect(answers).toEqual([200, 200, 403]);
});
