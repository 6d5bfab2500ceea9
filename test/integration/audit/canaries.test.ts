import { randomUUID } from 'node:crypto';
import type { TokenPairAnswer } from '../../../src/contract/auth-api';
import { auditFormats } from '../../../src/domain/audit-formats';
import { conclave } from '../../support/conclave-command';
import { eventually } from '../../support/eventually';
import { patience } from '../../support/patience';
import { type HttpAnswer, System, testServers } from '../../support/system';

jest.setTimeout(240_000);

const unique = randomUUID().replaceAll('-', '');
const canaries = {
  content: `canary${unique}`,
  email: `canary.${unique}@example.com`,
  'API key': `ck_${unique.slice(0, 16)}_${unique}${unique.slice(0, 11)}`,
  'callback secret': `whsec_${unique}AAAA`,
  'cloud key': `AKIA${unique.slice(0, 16).toUpperCase()}`,
  token: `eyJhbGciOiJIUzI1NiJ9.${unique}.${unique.slice(0, 20)}`,
  password: `pw-${unique.slice(0, 12)}`,
} as const;
const address = `https://ann:${canaries.password}@hooks.example/`;
const codecToken = `codec ${unique}`;
const secret = `signing ${unique}`;
/** Everything but content, as people paste it where it does not belong. */
const pasted = `${canaries.email} ${canaries['API key']} ${canaries['callback secret']} ${canaries['cloud key']} ${canaries.token} ${address}`;

let system: System;
let pair: TokenPairAnswer;
const statuses: number[] = [];
/** Changes that took what was pasted. */
const taken: string[] = [];

interface Documented {
  readonly paths: Record<string, Record<string, { servers?: object }>>;
}

beforeAll(async () => {
  system = await System.start({
    detectors: ['a', 'b'],
    policies: { 'acme/default': { policy: { required_detectors: ['a'] } } },
    env: {
      ...patience,
      ORCHESTRATION_SECURITY__AUTH_DISABLED: 'false',
      ORCHESTRATION_SECURITY__CODEC_TOKEN: codecToken,
      ORCHESTRATION_JWT_SECRET_KEY: secret,
      ORCHESTRATION_AUTH__DEV_TOKENS: 'true',
      ORCHESTRATION_AUTH__ATTEMPT_LIMIT__MAX: '100000',
      ORCHESTRATION_ORCHESTRATION__DEFAULT_RATE_LIMIT_PER_MINUTE: '1000000',
    },
  });
  const asked = { sub: canaries.email, roles: ['super_admin'], tenant_id: null };
  pair = (await system.request<TokenPairAnswer>('POST', '/auth/dev-token', asked)).body;
  await everyRoute();
  await whatIsTaken();
});
afterAll(() => system?.stop());

async function ask<T = unknown>(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<HttpAnswer<T>> {
  const own = {
    authorization: `Bearer ${pair.access_token}`,
    'x-tenant-id': 'acme',
    'x-correlation-id': canaries['API key'],
    'user-agent': canaries.email,
  };
  const answer = await system.request<T>(method, path, body, { ...own, ...headers });
  statuses.push(answer.status);
  return answer;
}

/** With something pasted wherever a text goes. */
async function everyRoute(): Promise<void> {
  const { paths } = (await ask<Documented>('GET', '/openapi.json')).body;
  const body = Object.fromEntries(
    ['name', 'description', 'reason', 'note', 'url', 'token', 'refresh_token', 'jti', 'label'].map(
      (field) => [field, pasted],
    ),
  );
  for (const [route, methods] of Object.entries(paths)) {
    // It would end the token that all others are asked with.
    if (route === '/auth/logout') continue;
    for (const [method, { servers }] of Object.entries(methods)) {
      for (const text of [canaries.email, canaries['API key'], canaries.token]) {
        const path = route.replace(/\{\w+\}/g, encodeURIComponent(text));
        const url = `${system.url}${servers ? '' : '/api/v1'}${path}?q=${encodeURIComponent(text)}`;
        const sent = ['get', 'head', 'delete'].includes(method) ? {} : { body: JSON.stringify(body) };
        const response = await fetch(url, {
          method: method.toUpperCase(),
          headers: {
            authorization: `Bearer ${pair.access_token}`,
            'content-type': 'application/json',
            'x-correlation-id': text,
            'x-principal': text,
          },
          ...sent,
        });
        await response.arrayBuffer();
        statuses.push(response.status);
      }
    }
  }
  for (const credential of [canaries['API key'], canaries.token])
    await ask('GET', '/detectors', undefined, { authorization: `Bearer ${credential}` });
}

async function whatIsTaken(): Promise<void> {
  const change = async (method: string, path: string, body?: unknown) => {
    const answer = await ask<Record<string, string>>(method, path, body);
    if (answer.status < 300) taken.push(`${method} ${path.split('/')[1]}`);
    return answer;
  };
  await change('PUT', '/tenants/umbrella', { name: canaries.email });
  const key = await change('POST', '/api-keys', {
    tenant_id: 'acme',
    description: pasted.slice(0, 200),
    roles: ['viewer'],
  });
  await change('POST', `/api-keys/${key.body['key_id']}/rotate`);
  const policy = {
    required_detectors: ['b'],
    coverage_calculation: { calculation_method: 'required_set' },
  };
  const described = { policy, description: pasted.slice(0, 200) };
  await change('PUT', '/policies/another', described);
  await change('PUT', '/policies/another', {
    ...described,
    policy: { ...policy, required_detectors: ['a'] },
  });
  await change('POST', '/policies/another/versions/1.0/rollback', { reason: pasted.slice(0, 200) });
  const judged = await change('POST', '/orchestrate', {
    ...system.body({ tenant_id: 'acme', content: `${canaries.content} ${pasted}` }),
    metadata: { note: pasted, word: canaries.content },
  });
  expect(judged.status).toBe(200);
  await change('POST', '/detectors/a/test', { content: canaries.content });
  await ask(
    'POST',
    `/codec/${encodeURIComponent(codecToken)}/decode`,
    { payloads: [] },
    { authorization: '' },
  );
  const renewed = await change('POST', '/auth/refresh', { refresh_token: pair.refresh_token });
  pair = renewed.body as unknown as TokenPairAnswer;
  await change('POST', '/auth/revoke', { token: pair.access_token });
}

describe('An export of the audit log', () => {
  it('has all that was done', async () => {
    expect(statuses.length).toBeGreaterThan(200);
    expect(statuses.filter((status) => status >= 500)).toEqual([]);
    expect(new Set(taken)).toEqual(
      new Set([
        'PUT tenants',
        'POST api-keys',
        'PUT policies',
        'POST policies',
        'POST orchestrate',
        'POST detectors',
        'POST auth',
      ]),
    );
    const { rows } = await eventually(
      () =>
        system.db.query<{ kind: string }>(
          `select distinct kind from audit where kind in ('operation', 'auth_failure', 'orchestration', 'policy_change')`,
        ),
      ({ rowCount }) => rowCount === 4,
    );
    expect(rows).toHaveLength(4);
  });

  it.each(auditFormats)(
    'as %s holds neither content nor secret, whatever was sent [F.14]',
    async (format) => {
      const url = new URL(testServers().databaseUrl);
      url.pathname = `/${system.database}`;
      const env = { ORCHESTRATION_DATABASE_URL: url.href, ORCHESTRATION_DATA_DIR: system.dataDir };
      const { code, stdout } = await conclave(['audit', 'export', '--format', format], env);
      expect(code).toBe(0);
      expect(stdout.trim().split('\n').length).toBeGreaterThan(20);
      const asAdmin = { sub: `another.${canaries.email}`, tenant_id: 'acme', roles: ['admin'] };
      const admin = (await system.request<TokenPairAnswer>('POST', '/auth/dev-token', asAdmin)).body;
      const response = await fetch(`${system.url}/api/v1/audit/export?format=${format}`, {
        headers: { authorization: `Bearer ${admin.access_token}` },
      });
      const exported = stdout + (await response.text());
      expect(response.status).toBe(200);
      const secrets = {
        ...canaries,
        'codec token': codecToken,
        'signing key': secret,
        'access token': pair.access_token,
        'refresh token': pair.refresh_token,
      };
      const found = Object.entries(secrets).filter(([, text]) =>
        [text, text.toLowerCase(), encodeURIComponent(text)].some((guise) => exported.includes(guise)),
      );
      expect(found.map(([name]) => name)).toEqual([]);
    },
  );
});
