import { randomUUID } from 'node:crypto';
import type { AuditList, AuditTrail } from '../../../src/contract/audit';
import type { CreatedApiKey } from '../../../src/contract/api-keys';
import type { TokenPairAnswer } from '../../../src/contract/auth-api';
import { conclave } from '../../support/conclave-command';
import { eventually } from '../../support/eventually';
import { patience } from '../../support/patience';
import { type HttpAnswer, System, testServers } from '../../support/system';
import { historyOf, inputOf, toWire } from '../privacy/encrypted-history';

jest.setTimeout(240_000);

const secret = `a secret of this test ${randomUUID()}`;
const codecToken = `codec-${randomUUID()}`;
const network = '203.0.113.0';
const forwarded = { 'X-Forwarded-For': '203.0.113.77' };

let system: System;
let env: Record<string, string>;
let platform: CreatedApiKey;
let acme: CreatedApiKey;
let globex: CreatedApiKey;

beforeAll(async () => {
  system = await System.start({
    detectors: ['a'],
    policies: { 'acme/default': { policy: {} }, 'globex/default': { policy: {} } },
    env: {
      ...patience,
      ORCHESTRATION_SECURITY__AUTH_DISABLED: 'false',
      ORCHESTRATION_SECURITY__TRUSTED_PROXIES: '1',
      ORCHESTRATION_SECURITY__CODEC_TOKEN: codecToken,
      ORCHESTRATION_JWT_SECRET_KEY: secret,
      ORCHESTRATION_AUTH__DEV_TOKENS: 'true',
      ORCHESTRATION_AUTH__ATTEMPT_LIMIT__MAX: '100000',
      ORCHESTRATION_ORCHESTRATION__DEFAULT_RATE_LIMIT_PER_MINUTE: '1000000',
    },
  });
  const url = new URL(testServers().databaseUrl);
  url.pathname = `/${system.database}`;
  env = { ORCHESTRATION_DATABASE_URL: url.href, ORCHESTRATION_DATA_DIR: system.dataDir };
  const { code, stdout, stderr } = await conclave(
    ['api-key', 'create', '--platform', '--role', 'super_admin', '--format', 'json'],
    env,
  );
  expect([code, stderr]).toEqual([0, '']);
  platform = JSON.parse(stdout) as CreatedApiKey;
  await eventually(
    async () => (await ask('GET', '/auth/user', platform)).status,
    (status) => status === 200,
  );
  const made = async (tenant_id: string) =>
    (
      await ask<CreatedApiKey>('POST', '/api-keys', platform, {
        tenant_id,
        description: 'of a test',
        roles: ['tenant_admin'],
      })
    ).body;
  acme = await made('acme');
  globex = await made('globex');
});
afterAll(() => system?.stop());

function ask<T = { error_code: string; detail: string }>(
  method: string,
  path: string,
  key: CreatedApiKey | null,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpAnswer<T>> {
  return system.request<T>(method, path, body, { ...(key && { 'X-API-Key': key.api_key }), ...headers });
}

/** What is on record of a call, as its tenant sees it. */
async function recordsOf(answer: HttpAnswer<unknown>, reader: CreatedApiKey, tenant?: string) {
  const id = answer.headers.get('x-request-id')!;
  const trail = await ask<AuditTrail>(
    'GET',
    `/audit/${id}`,
    reader,
    undefined,
    tenant === undefined ? {} : { 'X-Tenant-ID': tenant },
  );
  return trail.body.records ?? [];
}

describe('What an operator does is on record', () => {
  it('with who, from which network, to what, with which end, beside the change itself [F.14]', async () => {
    const wanted = { description: 'another', roles: ['viewer'] };
    const made = await ask<CreatedApiKey>('POST', '/api-keys', acme, wanted, forwarded);
    expect(made.status).toBe(201);
    const records = await recordsOf(made, acme);
    expect(records.map(({ kind, tenant_id }) => [kind, tenant_id])).toEqual([
      ['api_key_change', 'acme'],
      ['operation', 'acme'],
    ]);
    expect(records[1]!.record).toEqual({
      principal: `key:${acme.key_id}`,
      principal_kind: 'api_key',
      roles: ['tenant_admin'],
      address: network,
      action: 'POST /api-keys',
      target: { key_id: made.body.key_id },
      outcome: 'done',
      status: 201,
      correlation_id: made.headers.get('x-correlation-id'),
    });
  });

  it('also what is refused, for what reason [F.14]', async () => {
    const refused = await ask('DELETE', `/api-keys/${globex.key_id}`, acme, undefined, forwarded);
    expect(refused.status).toBe(404);
    const records = await eventually(
      () => recordsOf(refused, acme),
      (found) => found.length > 0,
    );
    expect(records).toMatchObject([
      { kind: 'operation', tenant_id: 'acme', record: { outcome: 'refused', status: 404, address: network } },
    ]);
    const denied = await ask('POST', '/config/reload', acme, undefined, forwarded);
    const denials = await eventually(
      () => recordsOf(denied, acme),
      (found) => found.length > 0,
    );
    expect(denials).toMatchObject([
      {
        kind: 'permission_denied',
        record: { principal: `key:${acme.key_id}`, roles: ['tenant_admin'], address: network },
      },
    ]);
  });

  it('once for a change, and as a replay when its answer is repeated [F.14]', async () => {
    const key = { 'Idempotency-Key': randomUUID() };
    const cancelled = () => ask('POST', '/policies/migrate', acme, { dry_run: false }, key);
    const first = await cancelled();
    const second = await cancelled();
    expect([first.status, second.status]).toEqual([200, 200]);
    const outcomes = [await recordsOf(first, acme), await recordsOf(second, acme)].map((records) =>
      records.filter(({ kind }) => kind === 'operation').map(({ record }) => record['outcome']),
    );
    expect(outcomes).toEqual([['done'], ['replayed']]);
  });

  it('in the chain of the tenant that it is about, when the installation’s operators do it [F.14]', async () => {
    const put = await ask('PUT', '/tenants/umbrella', platform, { name: 'Umbrella' });
    expect(put.status).toBe(200);
    const kinds = (await recordsOf(put, platform, 'umbrella')).map(({ kind }) => kind);
    expect(kinds).toEqual(expect.arrayContaining(['tenant_change', 'operation']));
  });

  it('by whom a token names, but an e-mail address only by its digest [F.14]', async () => {
    const pair = await ask<TokenPairAnswer>('POST', '/auth/dev-token', null, {
      sub: 'ann@example.com',
      tenant_id: 'acme',
      roles: ['admin'],
    });
    const bearer = { Authorization: `Bearer ${pair.body.access_token}` };
    const ended = await ask('POST', '/auth/logout', null, undefined, bearer);
    const [begun, done] = [await recordsOf(pair, acme), await recordsOf(ended, acme)].map(
      (records) => records.find(({ kind }) => kind === 'operation')!.record,
    );
    expect(begun!['principal']).toMatch(/^sha256:[0-9a-f]{16}$/);
    expect(done).toMatchObject({ principal: begun!['principal'], principal_kind: 'jwt', roles: ['admin'] });
  });

  it('also what the command line does to the store [F.14]', async () => {
    const { rows } = await system.db.query<{ tenant_id: string; record: object }>(
      `select tenant_id, record from audit where kind = 'operation' and record ->> 'principal' = 'cli'`,
    );
    expect(rows).toMatchObject([
      {
        tenant_id: '*',
        record: { principal_kind: 'command_line', action: 'conclave api-key create', outcome: 'done' },
      },
    ]);
    const change = await system.db.query(
      `select from audit operation join audit change using (request_id)
       where operation.record ->> 'principal' = 'cli' and operation.kind = 'operation' and change.kind = 'api_key_change'`,
    );
    expect(change.rowCount).toBe(1);
  });
});

describe('Decoding for Temporal Web', () => {
  const decode = (payload: object, headers: Record<string, string>, path = '/codec/decode') =>
    system.request<{ payloads: { data: string }[] }>('POST', path, { payloads: [payload] }, headers);

  it('is for those who may see the run, and on record in the chain of its tenant [F.14] [C.9]', async () => {
    const content = `something confidential ${randomUUID()}`;
    const job = await ask<{ job_id: string }>(
      'POST',
      '/orchestrate',
      acme,
      system.body({ tenant_id: 'acme', content, processing_mode: 'async' }),
    );
    const history = await eventually(
      () => historyOf(system, job.body.job_id).catch(() => null),
      (found) => found !== null,
    );
    const payload = toWire(inputOf(history!));
    const own = await decode(payload, { 'X-API-Key': acme.api_key, ...forwarded });
    expect(own.status).toBe(200);
    expect(Buffer.from(own.body.payloads[0]!.data, 'base64').toString()).toContain(content);
    expect((await decode(payload, { 'X-API-Key': globex.api_key })).status).toBe(404);
    expect((await decode(payload, {})).status).toBe(401);
    const web = await decode(payload, {}, `/codec/${codecToken}/decode`);
    expect(web.status).toBe(200);
    const decoded = [await recordsOf(own, acme), await recordsOf(web, acme)].map(
      (records) => records.find(({ kind }) => kind === 'operation')!.record,
    );
    expect(decoded).toMatchObject([
      { principal: `key:${acme.key_id}`, address: network, target: { runs: [job.body.job_id] } },
      { principal: 'codec-token', target: { runs: [job.body.job_id] }, outcome: 'done' },
    ]);
  });
});

describe('A storm of denials', () => {
  it('is a few records, with how many they were [F.14]', async () => {
    const storm = 400;
    for (let n = 0; n < storm; n++) {
      expect((await ask('POST', '/config/reload', globex)).status).toBe(403);
      expect((await ask('POST', '/config/reload', null, undefined, { 'X-API-Key': `ck_${n}` })).status).toBe(
        401,
      );
    }
    const since = `record ->> 'endpoint' = 'POST /config/reload' and record ->> 'principal' = 'key:${globex.key_id}'`;
    const counted = async (where: string) =>
      (
        await system.db.query<{ rows: number; denials: number }>(
          `select count(*)::int as rows, coalesce(sum(coalesce((record ->> 'repeated')::int, 1)), 0)::int as denials
           from audit where ${where}`,
        )
      ).rows[0]!;
    // What has been counted is written when the process ends at the latest.
    await system.facade.end();
    const denied = await counted(`kind = 'permission_denied' and ${since}`);
    expect(denied.denials).toBe(storm);
    expect(denied.rows).toBeLessThan(storm / 10);
    const failed = await counted(`kind = 'auth_failure'`);
    expect(failed.denials).toBeGreaterThanOrEqual(storm);
    expect(failed.rows).toBeLessThan(storm / 10);
    const list = await conclave(
      ['audit', 'export', '--tenant', 'globex', '--kind', 'permission_denied'],
      env,
    );
    const lines = list.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as AuditList['records'][number]);
    expect(lines.some(({ record }) => Number(record['repeated']) > 0)).toBe(true);
  });
});
