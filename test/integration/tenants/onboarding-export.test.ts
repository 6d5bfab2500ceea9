import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ErrorResponse } from '../../../src/contract/answer';
import type { CreatedApiKey } from '../../../src/contract/api-keys';
import type { OnboardingSecret } from '../../../src/contract/tenant-onboarding';
import type { ExportManifest, TenantOperation } from '../../../src/contract/tenant-operations';
import type { TenantInfo } from '../../../src/contract/tenants';
import { conclave } from '../../support/conclave-command';
import { eventually } from '../../support/eventually';
import { flags } from '../../support/fake-detectors';
import { type HttpAnswer, type Part, System, testServers } from '../../support/system';
import { seed, type Seeded, seededEnv } from './seeding';

type Key = Pick<CreatedApiKey, 'api_key' | 'key_id'>;

const exported = 'one-that-is-exported';
const other = 'the-other';
const patient = { withinMs: 120_000 };

let system: System;
let superAdmin: Key;

beforeAll(async () => {
  system = await System.start({
    detectors: ['a'],
    policies: Object.fromEntries(
      [exported, other].map((tenant) => [`${tenant}/default`, { policy: { required_detectors: ['a'] } }]),
    ),
    env: { ...seededEnv([exported]), ORCHESTRATION_SECURITY__AUTH_DISABLED: 'false' },
  });
  system.detectors.behave('a', flags('seeded', 0.9));
  const made = await command([
    'api-key',
    'create',
    '--platform',
    '--role',
    'super_admin',
    '--format',
    'json',
  ]);
  superAdmin = JSON.parse(made) as Key;
  await known(superAdmin);
});
afterAll(() => system?.stop());

async function command(
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const url = new URL(testServers().databaseUrl);
  url.pathname = `/${system.database}`;
  const own = { ORCHESTRATION_DATABASE_URL: url.href, ORCHESTRATION_DATA_DIR: system.dataDir };
  const { code, stdout, stderr } = await conclave(words, { ...own, ...env });
  expect([code, stderr]).toEqual([0, '']);
  return stdout;
}

function ask<T = TenantOperation & ErrorResponse>(
  key: Key,
  method: string,
  route: string,
  body?: unknown,
): Promise<HttpAnswer<T>> {
  return system.request<T>(method, route, body, { 'X-API-Key': key.api_key });
}

const refusal = ({ status, body }: HttpAnswer<ErrorResponse>) => [status, body.detail];
const worker = (): Part => system.parts.findLast(({ kind }) => kind === 'worker')!;

async function known(key: Key): Promise<void> {
  await eventually(
    async () => (await ask(key, 'GET', '/auth/user')).status,
    (status) => status === 200,
  );
}

function ended({ tenant_id, operation_id }: TenantOperation): Promise<TenantOperation> {
  return eventually(
    async () => (await ask(superAdmin, 'GET', `/tenants/${tenant_id}/operations/${operation_id}`)).body,
    ({ status }) => status !== 'running',
    patient,
  );
}

const asked = (fields: object = {}) => ({ name: 'A newcomer', tier: 'basic', ...fields });
const secretOf = ({ tenant_id, operation_id }: TenantOperation, key = superAdmin) =>
  ask<OnboardingSecret & ErrorResponse>(
    key,
    'POST',
    `/tenants/${tenant_id}/onboarding/${operation_id}/secret`,
  );

describe('The onboarding of a tenant', () => {
  it('makes record, key and first API key, which is shown once and works [F.4]', async () => {
    const begun = await ask(superAdmin, 'POST', '/tenants/newcomer/onboarding', asked());
    expect([begun.status, begun.body.kind, begun.body.started_by]).toEqual([
      202,
      'onboarding',
      `key:${superAdmin.key_id}`,
    ]);
    const done = await ended(begun.body);
    expect([done.status, done.error]).toEqual(['completed', null]);
    const { status, body: secret } = await secretOf(done);
    expect([status, secret.roles, secret.key_id]).toEqual([
      200,
      ['tenant_admin'],
      (done.report as { api_key_id: string }).api_key_id,
    ]);
    expect(refusal(await secretOf(done))).toEqual([409, 'secret_not_there']);
    await known(secret);
    const { body } = await ask<TenantInfo>(secret, 'GET', '/tenants/newcomer');
    expect(body).toMatchObject({
      name: 'A newcomer',
      status: 'active',
      tier: 'basic',
      quotas: { api_keys: 5 },
    });
    const { rows } = await system.db.query<{ row: string }>(
      `select each::text as row from tenant_operation each union all select each::text from audit each`,
    );
    const text = rows.map(({ row }) => row).join();
    expect([text.includes(secret.api_key), text.includes('A newcomer')]).toEqual([false, false]);
  });

  it('is done once, is a super admin’s, and takes no tenant that there is [F.4]', async () => {
    const again = await ask(superAdmin, 'POST', '/tenants/newcomer/onboarding', asked());
    expect([again.status, again.body.status]).toEqual([200, 'completed']);
    const differently = await ask(
      superAdmin,
      'POST',
      '/tenants/newcomer/onboarding',
      asked({ tier: 'free' }),
    );
    expect(refusal(differently)).toEqual([409, 'tenant_exists']);
    const { body: keys } = await ask<{ total_count: number }>(superAdmin, 'GET', '/api-keys');
    expect(keys.total_count).toBe(2);
    const made = await ask<CreatedApiKey>(superAdmin, 'POST', '/api-keys', {
      ...{ tenant_id: 'newcomer', description: 'x', roles: ['tenant_admin'] },
    });
    await known(made.body);
    for (const [tenant, expected] of [
      ['newcomer', [403, 'platform_only']],
      ['somebody', [404, 'tenant_not_found']],
    ] as const) {
      expect(refusal(await ask(made.body, 'POST', `/tenants/${tenant}/onboarding`, asked()))).toEqual(
        expected,
      );
      expect(refusal(await ask(made.body, 'DELETE', `/tenants/${tenant}`))).toEqual(expected);
    }
  });

  it('goes on where a killed worker has left it, with one key', async () => {
    await worker().end();
    const paused = await system.startPart('worker', { CONCLAVE_PAUSE_AT: 'secret_kept' });
    const { body } = await ask(superAdmin, 'POST', '/tenants/unlucky/onboarding', asked());
    await paused.paused('secret_kept');
    const { body: pending } = await ask<TenantInfo>(superAdmin, 'GET', '/tenants/unlucky');
    expect(pending.status).toBe('pending');
    await paused.kill();
    await system.startPart('worker');
    const done = await ended(body);
    expect(done.status).toBe('completed');
    const secret = (await secretOf(done)).body;
    await known(secret);
    const { rows } = await system.db.query(`select from api_key where tenant_id = 'unlucky'`);
    expect(rows).toHaveLength(1);
  });

  it('that cannot be finished is undone, and can be begun anew', async () => {
    await worker().end();
    const paused = await system.startPart('worker', { CONCLAVE_PAUSE_AT: 'secret_kept' });
    const { body } = await ask(superAdmin, 'POST', '/tenants/changed/onboarding', asked());
    await paused.paused('secret_kept');
    await ask(superAdmin, 'PUT', '/tenants/changed', { status: 'suspended' });
    await paused.kill();
    await system.startPart('worker');
    const failed = await ended(body);
    expect([failed.status, failed.error]).toEqual([
      'failed',
      'somebody else has changed the tenant meanwhile',
    ]);
    const { rows } = await system.db.query<{ revoked: boolean }>(
      `select revoked_at is not null as revoked from api_key where tenant_id = 'changed'`,
    );
    expect(rows).toEqual([{ revoked: true }]);
    expect(refusal(await secretOf(failed))).toEqual([409, 'secret_not_there']);
    await ask(superAdmin, 'PUT', '/tenants/changed', { status: 'inactive' });
    const anew = await ask(superAdmin, 'POST', '/tenants/changed/onboarding', asked());
    expect((await ended(anew.body)).status).toBe('completed');
  });

  it('is done from the command line', async () => {
    const env = { CONCLAVE_API_KEY: superAdmin.api_key };
    const words = [
      'tenant',
      'onboard',
      'by-hand',
      '--name',
      'By hand',
      '--role',
      'operator',
      '--url',
      system.url,
    ];
    const secret = JSON.parse(await command([...words, '--json'], env)) as OnboardingSecret;
    expect([secret.tenant_id, secret.roles]).toEqual(['by-hand', ['operator']]);
    await known(secret);
  });
});

describe('The export of a tenant', () => {
  let seeded: Seeded;
  let folder: string;
  let manifest: ExportManifest;
  const linesOf = (name: string) =>
    readFileSync(path.join(folder, `${name}.ndjson`), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  it('is all that is there of it and nothing of others, in files that are what the signed manifest says [platform 29] [F.4]', async () => {
    const keyed = { 'X-API-Key': superAdmin.api_key };
    await ask(superAdmin, 'PUT', `/tenants/${exported}`, { name: 'It is exported', tier: 'enterprise' });
    await ask(superAdmin, 'PUT', `/tenants/${other}`, { name: 'The other', tier: 'enterprise' });
    seeded = await seed(system, exported, keyed);
    await system.orchestrate({ tenant_id: other, content: 'of the other' }, keyed);
    folder = path.join(mkdtempSync(path.join(tmpdir(), 'conclave-export-')), 'here');
    const words = ['tenant', 'export', exported, '--to', folder, '--url', system.url, '--json'];
    const printed = await command(words, { CONCLAVE_API_KEY: superAdmin.api_key });
    const operation = JSON.parse(printed) as TenantOperation;
    expect([operation.status, operation.error]).toEqual(['completed', null]);
    manifest = operation.report as ExportManifest;
    expect(readdirSync(folder).toSorted()).toEqual(
      [...manifest.files.map(({ name }) => name), 'manifest.json'].toSorted(),
    );
    for (const { name, sha256, bytes, records } of manifest.files) {
      const file = readFileSync(path.join(folder, name));
      expect([name, file.length, createHash('sha256').update(file).digest('hex')]).toEqual([
        name,
        bytes,
        sha256,
      ]);
      expect([name, file.toString().split('\n').length - 1]).toEqual([name, records]);
      expect([name, file.includes('the-other'), statSync(path.join(folder, name)).mode & 0o77]).toEqual([
        name,
        false,
        0,
      ]);
    }
    expect(manifest.files.filter(({ records }) => records === 0)).toEqual([]);
  });

  it('holds outcomes, decisions, findings, policies, records and the audit log, but no content and no secret [platform 29]', async () => {
    expect(linesOf('tenant')).toMatchObject([{ tenant_id: exported, name: 'It is exported' }]);
    expect(linesOf('orchestrations').find((line) => line['job_id'] === seeded.jobId)).toMatchObject({
      status: 'completed',
      answer: { detector_results: [{ detector: 'a', output: 'seeded' }] },
    });
    expect(
      linesOf('policies').map(({ policy_bundle, version }) => `${String(policy_bundle)}@${String(version)}`),
    ).toEqual(expect.arrayContaining(['own@1.0', 'own@1.1']));
    expect(linesOf('findings').map((line) => line['request_id'])).toContain(seeded.requestId);
    expect(linesOf('bulk-jobs')).toMatchObject([{ bulk_id: seeded.bulkId }]);
    expect(linesOf('callbacks')).toMatchObject([{ callback_id: seeded.jobId }]);
    expect(linesOf('audit').map((line) => line['kind'])).toEqual(
      expect.arrayContaining(['orchestration', 'tenant_change', 'api_key_change', 'tenant_operation']),
    );
    const all = manifest.files.map(({ name }) => readFileSync(path.join(folder, name), 'utf8')).join();
    for (const secret of [
      'a text of its own',
      'a letter of',
      'token=of-its-own',
      'wrapped_key',
      '"hash":"\\\\x',
    ])
      expect([secret, all.includes(secret)]).toEqual([secret, false]);
  });

  it('is a tenant admin’s of the tenant too, and of nobody else’s [F.4]', async () => {
    const made = async (tenant_id: string) => {
      const key = { tenant_id, description: 'x', roles: ['tenant_admin'] };
      const { body } = await ask<CreatedApiKey>(superAdmin, 'POST', '/api-keys', key);
      await known(body);
      return body;
    };
    const [own, foreign] = [await made(exported), await made(other)];
    expect(refusal(await ask(foreign, 'POST', `/tenants/${exported}/exports`))).toEqual([
      404,
      'tenant_not_found',
    ]);
    expect(refusal(await ask(superAdmin, 'POST', '/tenants/never-heard-of/exports'))).toEqual([
      404,
      'tenant_not_found',
    ]);
    const begun = await ask(own, 'POST', `/tenants/${exported}/exports`);
    expect(begun.status).toBe(202);
    const { operation_id: id } = await ended(begun.body);
    const file = `/tenants/${exported}/exports/${id}/files/tenant.ndjson`;
    expect(refusal(await ask(foreign, 'GET', file))).toEqual([404, 'operation_not_found']);
    expect((await ask(own, 'GET', file)).text).toContain('It is exported');
    expect(refusal(await ask(own, 'GET', file.replace('tenant.ndjson', 'manifest.json')))).toEqual([
      404,
      'file_not_found',
    ]);
    const { rows } = await system.db.query<{ body: Buffer }>('select body from tenant_export_part');
    expect(rows.some(({ body }) => body.includes('It is exported'))).toBe(false);
    await system.db.query('update tenant_operation set expires_at = now() where operation_id = $1', [id]);
    expect(refusal(await ask(own, 'GET', file))).toEqual([404, 'export_expired']);
  });

  it('goes on where a killed worker has left it, each record once', async () => {
    await worker().end();
    const paused = await system.startPart('worker', { CONCLAVE_PAUSE_AT: 'exported' });
    const { body } = await ask(superAdmin, 'POST', `/tenants/${exported}/exports`);
    const joined = await ask(superAdmin, 'POST', `/tenants/${exported}/exports`);
    expect([joined.status, joined.body.operation_id]).toEqual([202, body.operation_id]);
    await paused.paused('exported');
    const running = `/tenants/${exported}/exports/${body.operation_id}/files/tenant.ndjson`;
    expect(refusal(await ask(superAdmin, 'GET', running))).toEqual([409, 'export_not_completed']);
    await paused.kill();
    await system.startPart('worker');
    const { report } = await ended(body);
    const counts = ({ files }: ExportManifest) =>
      Object.fromEntries(
        files.filter(({ name }) => !/audit|api-keys/.test(name)).map(({ name, records }) => [name, records]),
      );
    expect(counts(report as ExportManifest)).toEqual(counts(manifest));
  });
});
