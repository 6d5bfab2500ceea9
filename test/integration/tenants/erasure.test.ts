import { createPublicKey, verify } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { ErrorResponse } from '../../../src/contract/answer';
import type {
  ErasureReport,
  TenantOperation,
  TenantOperationList,
} from '../../../src/contract/tenant-operations';
import type { TenantInfo } from '../../../src/contract/tenants';
import { openDatabase } from '../../../src/store/database';
import { KeyRing } from '../../../src/store/key-ring';
import { MasterKeys } from '../../../src/store/master-keys';
import { TenantKeyDestroyedError } from '../../../src/store/tenant-keys';
import { keptTables } from '../../../src/store/tenant-rows';
import { conclave } from '../../support/conclave-command';
import { eventually } from '../../support/eventually';
import { flags, held } from '../../support/fake-detectors';
import { type HttpAnswer, type Part, System, testServers } from '../../support/system';
import { seed, type Seeded, seededEnv } from './seeding';

const leaving = 'one-that-leaves';
const staying = 'one-that-stays';
const killed = 'one-erased-under-fire';
const patient = { withinMs: 120_000 };

let system: System;
let left: Seeded;
let stayed: Seeded;

beforeAll(async () => {
  const tenants = [leaving, staying, killed];
  system = await System.start({
    detectors: ['a'],
    policies: Object.fromEntries(
      tenants.map((tenant) => [`${tenant}/default`, { policy: { required_detectors: ['a'] } }]),
    ),
    env: seededEnv(tenants),
  });
  system.detectors.behave('a', flags('seeded', 0.9));
  left = await seed(system, leaving);
  stayed = await seed(system, staying);
});
afterAll(() => system?.stop());

const erase = (tenant: string) =>
  system.request<TenantOperation & ErrorResponse>('DELETE', `/tenants/${tenant}`);
const put = (tenant: string, fields: object) =>
  system.request<TenantInfo & ErrorResponse>('PUT', `/tenants/${tenant}`, fields);
const refusal = ({ status, body }: HttpAnswer<ErrorResponse>) => [status, body.detail];
const worker = (): Part => system.parts.findLast(({ kind }) => kind === 'worker')!;

async function suspended(tenant: string): Promise<void> {
  const { status } = await put(tenant, { name: `The name of ${tenant}`, status: 'suspended' });
  expect(status).toBe(200);
}

function ended({ tenant_id, operation_id }: TenantOperation): Promise<TenantOperation> {
  return eventually(
    async () =>
      (await system.request<TenantOperation>('GET', `/tenants/${tenant_id}/operations/${operation_id}`)).body,
    ({ status }) => status !== 'running',
    patient,
  );
}

/** Every table there is. */
async function tables(): Promise<string[]> {
  const { rows } = await system.db.query<{ name: string }>(
    `select relname as name from pg_class join pg_namespace on pg_namespace.oid = relnamespace
     where relkind in ('r', 'p', 'm') and nspname = current_schema() order by relname`,
  );
  return rows.map(({ name }) => name);
}

/** Tables with rows that hold one of these, in whatever column, with how many. */
async function tablesNaming(names: readonly string[]): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const table of await tables()) {
    const { rows } = await system.db.query<{ n: number }>(
      `select count(*)::int as n from "${table}" as each where each::text like any ($1)`,
      [names.map((name) => `%${name}%`)],
    );
    if (rows[0]!.n > 0) found[table] = rows[0]!.n;
  }
  return found;
}

/** The tenant's id, and those of all that ran for it. */
async function namesOf(tenant: string): Promise<string[]> {
  const { rows } = await system.db.query<{ name: string }>(
    `select run_id as name from run_key where tenant_id = $1
     union select request_id::text from orchestration where tenant_id = $1
     union select bulk_id from bulk_job where tenant_id = $1`,
    [tenant],
  );
  return [tenant, ...rows.map(({ name }) => name)];
}

/** Sealed columns of the tenant, with what they are bound to, as somebody has them who has kept a copy. */
async function copyOf(tenant: string) {
  const { rows } = await system.db.query<{ place: string; sealed: Buffer }>(
    `select 'orchestration/answer/' || request_id as place, answer as sealed from orchestration where tenant_id = $1
     union all select 'run_key/' || run_id, wrapped_key from run_key where tenant_id = $1 and wrapped_key is not null
     union all select 'callback/url/' || callback_id, url from callback where tenant_id = $1
     union all select 'tenant/name/' || tenant_id, name from tenant where tenant_id = $1`,
    [tenant],
  );
  return rows.filter(({ sealed }) => sealed !== null);
}

async function withKeys<T>(work: (keys: KeyRing) => Promise<T>): Promise<T> {
  const url = new URL(testServers().databaseUrl);
  url.pathname = `/${system.database}`;
  const db = openDatabase(url.href, 2);
  try {
    return await work(
      new KeyRing(db, MasterKeys.of({ configured: null, file: null, dataDir: system.dataDir })),
    );
  } finally {
    await db.destroy();
  }
}

const mustHaveBeenThere = [
  ...['allow_list', 'api_key', 'audit', 'batch_answer', 'bulk_chunk', 'bulk_job', 'callback', 'ended_run'],
  ...['idempotency', 'orchestration', 'plan_record', 'policy_bundle', 'policy_decision', 'policy_shadow'],
  ...['policy_simulation', 'run_key', 'tenant', 'tenant_key', 'uploaded_content', 'upstream'],
];

describe('The erasure of a tenant', () => {
  let report: ErasureReport;
  let names: string[];
  let before: Record<string, number>;

  it('is for one that is not served any more [F.4]', async () => {
    expect(refusal(await erase('nobody'))).toEqual([404, 'tenant_not_found']);
    await put(leaving, { name: 'It leaves', callback_hosts: ['hooks.example'] });
    expect(refusal(await erase(leaving))).toEqual([409, 'tenant_not_suspended']);
    expect((await system.request<TenantOperationList>('GET', `/tenants/${leaving}/operations`)).body).toEqual(
      {
        operations: [],
        total_count: 0,
      },
    );
  });

  it('ends what runs, and leaves no row of it in any table, and every row of others [platform 29] [F.4]', async () => {
    const gate = held(flags('seeded', 0.9));
    system.detectors.behave('a', gate.behavior);
    const running = await system.orchestrate({ tenant_id: leaving, processing_mode: 'async' });
    expect(running.status).toBe(202);
    await system.detectors.called('a');
    await suspended(leaving);
    names = await namesOf(leaving);
    before = await tablesNaming(names);
    const others = await tablesNaming(await namesOf(staying));
    // What is there of the one is there of the other: nothing is asserted of tables that are empty anyway.
    expect(Object.keys(before)).toEqual(expect.arrayContaining(Object.keys(others)));
    expect(mustHaveBeenThere.filter((table) => !(table in before))).toEqual([]);
    const copy = await copyOf(leaving);
    const ofOther = await copyOf(staying);
    expect(copy.length).toBeGreaterThan(4);

    const begun = await erase(leaving);
    expect(begun.status).toBe(202);
    expect(begun.headers.get('location')).toBe(
      `/api/v1/tenants/${leaving}/operations/${begun.body.operation_id}`,
    );
    const refused = await system.orchestrate<ErrorResponse>({ tenant_id: leaving });
    expect(refusal(refused)).toEqual([403, 'tenant_inactive']);
    const operation = await ended(begun.body);
    gate.release();
    expect([operation.status, operation.error]).toEqual(['completed', null]);
    report = operation.report as ErasureReport;

    // Figures that a process keeps of itself are its own, and are gone with it.
    const left = Object.keys(await tablesNaming(names)).filter((table) => table !== 'process_figures');
    expect(left.filter((table) => !(table in keptTables))).toEqual([]);
    expect(await tablesNaming(await namesOf(staying))).toMatchObject({
      orchestration: others['orchestration'],
      bulk_chunk: others['bulk_chunk'],
      policy_bundle: others['policy_bundle'],
    });

    await withKeys(async (keys) => {
      for (const { place, sealed } of copy)
        await expect(keys.decryptFor(leaving, sealed, place)).rejects.toThrow(TenantKeyDestroyedError);
      for (const { place, sealed } of ofOther)
        expect((await keys.decryptFor(staying, sealed, place)).length).toBeGreaterThan(0);
    });
    const { rows: kept } = await system.db.query<{ wrapped_key: Buffer | null }>(
      'select wrapped_key from tenant_key where tenant_id = $1',
      [leaving],
    );
    expect(kept.length).toBe(report.keys_destroyed);
    expect(kept.every(({ wrapped_key }) => wrapped_key === null)).toBe(true);
    expect(JSON.stringify(report)).not.toContain('It leaves');
  });

  it('reports what was deleted, by whom and when, and what stays and why, signed and on record [platform 29] [F.14]', async () => {
    expect(report).toMatchObject({
      tenant_id: leaving,
      requested_by: 'anonymous',
      stopped: { api_keys: 1, jobs: 1, policies: 2, detectors: 1 },
    });
    expect(report.deleted).toMatchObject({ bulk_job: 1, bulk_chunk: 1, callback: 1, uploaded_content: 1 });
    expect(report.kept.map(({ what }) => what)).toEqual(
      expect.arrayContaining(Object.keys(keptTables).map((table) => `table ${table}`)),
    );
    const { body: operation } = await system.request<TenantOperation>(
      'GET',
      `/tenants/${leaving}/operations/${report.operation_id}`,
    );
    const { public_key, value } = operation.signature!;
    const key = createPublicKey({ key: Buffer.from(public_key, 'base64'), format: 'der', type: 'spki' });
    const isSigned = (about: object) =>
      verify(
        null,
        Buffer.from(`conclave/tenant/erasure/1\n${JSON.stringify(about)}`),
        key,
        Buffer.from(value, 'base64'),
      );
    expect([isSigned(operation.report!), isSigned({ ...operation.report, keys_destroyed: 9 })]).toEqual([
      true,
      false,
    ]);
    const { rows } = await system.db.query<{ tenant_id: string; what: string }>(
      `select tenant_id, record->>'what' as what from audit where kind = 'tenant_operation'
       and record->>'operation_id' = $1 order by sequence`,
      [report.operation_id],
    );
    expect(rows).toEqual([
      { tenant_id: leaving, what: 'erasure_begun' },
      { tenant_id: leaving, what: 'erasure_completed' },
      { tenant_id: '*', what: 'erasure_completed' },
    ]);
  });

  it('asked for again answers with the report, and nobody is given the id again', async () => {
    const again = await erase(leaving);
    expect([again.status, again.body.report]).toEqual([200, report]);
    expect(refusal(await put(leaving, { name: 'Another', status: 'active' }))).toEqual([
      409,
      'tenant_deleted',
    ]);
    const { body } = await system.request<TenantInfo>('GET', `/tenants/${leaving}`);
    expect(body).toMatchObject({ name: '(deleted)', status: 'deleted', callback_hosts: null });
    const key = { tenant_id: leaving, description: 'another', roles: ['operator'] };
    expect(refusal(await system.request<ErrorResponse>('POST', '/api-keys', key))).toEqual([
      409,
      'tenant_deleted',
    ]);
    const policy = { policy: { tenant_id: leaving, policy_bundle: 'own', required_detectors: ['a'] } };
    const named = { 'x-tenant-id': leaving };
    expect(refusal(await system.request<ErrorResponse>('PUT', '/policies/own', policy, named))).toEqual([
      403,
      'tenant_inactive',
    ]);
    const { status } = await system.request('GET', `/orchestrate/status/${left.jobId}`);
    expect(status).toBe(404);
  });

  it('leaves nothing in files of policies, nor histories of runs in the engine [platform 29]', async () => {
    const versions = path.join(system.dataDir, 'policy-versions');
    expect(existsSync(path.join(versions, 'states', leaving))).toBe(false);
    const documents = readdirSync(path.join(versions, 'documents'));
    const { rows } = await system.db.query<{ digest: string }>('select digest from policy_bundle');
    expect(documents.length).toBeGreaterThanOrEqual(rows.length);
    // A start takes in the folder's bundles, but none of hers.
    await system.startPart('api');
    expect(existsSync(path.join(versions, 'states', leaving))).toBe(false);
    const kinds = async () => {
      const found: string[] = [];
      const query = `Tenant = '${leaving}'`;
      for await (const { searchAttributes } of system.temporal.workflow.list({ query }))
        found.push(String(searchAttributes['Kind']));
      return found;
    };
    await eventually(kinds, (found) => found.join() === 'tenant_operation');
    expect(report.histories_deleted).toBeGreaterThan(2);
    const after = await system.request<{ status: string }>('GET', `/orchestrate/status/${stayed.jobId}`);
    expect([after.status, after.body.status]).toEqual([200, 'completed']);
  });

  it('goes on in another worker when its own is killed, and counts each row once', async () => {
    await seed(system, killed);
    await suspended(killed);
    const mine = await namesOf(killed);
    await worker().end();
    const first = await system.startPart('worker', { CONCLAVE_PAUSE_AT: 'keys_destroyed' });
    const { body } = await erase(killed);
    await first.paused('keys_destroyed');
    await first.kill();
    const second = await system.startPart('worker', { CONCLAVE_PAUSE_AT: 'rows_deleted' });
    await second.paused('rows_deleted');
    await second.kill();
    await system.startPart('worker');
    const { status, report: made } = await ended(body);
    expect(status).toBe('completed');
    const left = Object.keys(await tablesNaming(mine)).filter((table) => table !== 'process_figures');
    expect(left.filter((table) => !(table in keptTables))).toEqual([]);
    expect((made as ErasureReport).deleted).toMatchObject({
      ...{ bulk_job: 1, bulk_chunk: 1, callback: 1, uploaded_content: 1, allow_list: 1, api_key: 1 },
    });
    const { rows } = await system.db.query<{ n: number }>(
      `select count(*)::int as n from audit where kind = 'key_change' and record->>'what' = 'tenant_keys_destroyed'
       and tenant_id = $1`,
      [killed],
    );
    expect(rows[0]!.n).toBe(1);
  });

  it('is done from the command line, to whoever says twice whom they mean', async () => {
    const tenant = 'one-of-the-command-line';
    const command = (...words: string[]) => conclave(['tenant', ...words, '--url', system.url, '--json'], {});
    await command('put', tenant, '--name', 'Of the command line', '--status', 'suspended');
    const unsure = await command('erase', tenant, '--yes', 'another');
    expect([unsure.code, unsure.stdout]).toEqual([1, '']);
    const { code, stdout, stderr } = await command('erase', tenant, '--yes', tenant);
    expect([code, stderr]).toEqual([0, '']);
    const done = JSON.parse(stdout) as TenantOperation;
    expect([done.status, done.report!.tenant_id]).toEqual(['completed', tenant]);
    const shown = await command('report', tenant, done.operation_id);
    expect(JSON.parse(shown.stdout)).toEqual(done);
    const listed = JSON.parse((await command('operations', tenant)).stdout) as TenantOperation[];
    expect(listed).toEqual([done]);
    expect(readFileSync(system.facade.logFile, 'utf8')).not.toContain('Of the command line');
  });
});
