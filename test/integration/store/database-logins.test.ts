import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { sql } from 'kysely';
import { Client } from 'pg';
import { freePort } from '../../../src/embedded/ports';
import { type PostgresServer, startPostgres } from '../../../src/embedded/postgres-server';
import { asTenant, type Db, openDatabase } from '../../../src/store/database';
import { migrate } from '../../../src/store/migrations';

/** A server with logins of its own making, as one that a database administrator looks after. */
let server: PostgresServer;
let dataDir: string;
beforeAll(async () => {
  dataDir = mkdtempSync(path.join(tmpdir(), 'conclave-logins-'));
  chmodSync(dataDir, 0o755);
  server = await startPostgres({ dataDir, port: await freePort(), log: () => undefined });
});
afterAll(async () => {
  await server?.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

/** Of a login, with the password that all have here. */
function urlOf(login: string, database: string): string {
  const url = new URL(server.url);
  url.username = login;
  url.pathname = `/${database}`;
  return url.href;
}

/** As the superuser of the server. */
async function administer(database: string, ...statements: string[]): Promise<void> {
  const client = new Client({ connectionString: urlOf('postgres', database) });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

async function createLogin(login: string, attributes = ''): Promise<void> {
  await administer(
    'postgres',
    `create role ${login} login ${attributes} password '${new URL(server.url).password}'`,
  );
}

async function withDatabase<T>(url: string, work: (db: Db) => Promise<T>): Promise<T> {
  const db = openDatabase(url, 2);
  try {
    return await work(db);
  } finally {
    await db.destroy();
  }
}

const addAudit = (db: Db, tenant: string) =>
  sql`insert into audit (tenant_id, request_id, kind, record)
    values (${tenant}, gen_random_uuid(), 'test', '{}')`.execute(db);
const audited = async (db: Db) =>
  (await db.selectFrom('audit').select('tenant_id').orderBy('tenant_id').execute()).map(
    (row) => row.tenant_id,
  );

it('makes the roles itself where it may', async () => {
  await administer('postgres', 'drop role conclave_service, conclave_tenant');
  await createLogin('maker', 'createrole');
  await administer('postgres', 'create database made owner maker');
  const url = urlOf('maker', 'made');
  await migrate(url);
  await withDatabase(url, async (db) => {
    for (const tenant of ['acme', 'globex']) await addAudit(asTenant(db, tenant), tenant);
    expect(await audited(db)).toEqual(['acme', 'globex']);
    expect(await audited(asTenant(db, 'globex'))).toEqual(['globex']);
  });
});

describe('A login that may not make roles', () => {
  const url = () => urlOf('plain', 'given');
  beforeAll(async () => {
    await createLogin('plain');
    await administer('postgres', 'create database given owner plain');
  });

  it('is told what it lacks and who helps, and then does its work', async () => {
    await expect(migrate(url())).rejects.toThrow(
      /cannot keep tenants apart[^]*grant conclave_service, conclave_tenant to[^]*docs\/operations\.md/,
    );
    await administer('postgres', 'grant conclave_service, conclave_tenant to plain');
    await migrate(url());
    await withDatabase(url(), async (db) => {
      await addAudit(db, 'acme');
      expect([await audited(db), await audited(asTenant(db, 'globex'))]).toEqual([['acme'], []]);
    });
  });

  it('finds the rows of a release that secured none, and secures them', async () => {
    await administer(
      'given',
      `do $$ declare one record; begin
        for one in select oid::regclass as name from pg_class
                   where relkind = 'r' and relnamespace = 'public'::regnamespace loop
          execute format('alter table %s disable row level security', one.name);
          execute format('drop policy if exists of_tenant on %s', one.name);
          execute format('drop policy if exists of_service on %s', one.name);
          execute format('revoke all on %s from conclave_service, conclave_tenant', one.name);
        end loop;
      end $$`,
      'revoke all on all sequences in schema public from conclave_service, conclave_tenant',
    );
    await expect(withDatabase(url(), audited)).rejects.toThrow('permission denied');
    await migrate(url());
    await withDatabase(url(), async (db) => {
      await addAudit(asTenant(db, 'globex'), 'globex');
      expect([await audited(db), await audited(asTenant(db, 'acme'))]).toEqual([
        ['acme', 'globex'],
        ['acme'],
      ]);
    });
  });

  it('may own nothing: tables are another’s to make, and its own to use', async () => {
    await createLogin('worker');
    const worker = urlOf('worker', 'given');
    await administer('postgres', 'grant conclave_service, conclave_tenant to worker');
    await migrate(worker);
    await withDatabase(worker, async (db) => {
      expect([await audited(db), await audited(asTenant(db, 'acme'))]).toEqual([
        ['acme', 'globex'],
        ['acme'],
      ]);
      const alone = sql`set role none; alter table audit disable row level security`.execute(db);
      await expect(alone).rejects.toThrow('must be owner');
    });
    await administer('given', 'set role plain; create table of_later (tenant_id text not null)');
    await expect(migrate(worker)).rejects.toThrow(/conclave setup/);
    await migrate(url());
    await migrate(worker);
  });

  it('is not let in as itself where it may not be the service', async () => {
    await createLogin('stranger');
    await expect(withDatabase(urlOf('stranger', 'given'), audited)).rejects.toThrow(
      /permission denied to set role "conclave_service"[^]*grant conclave_service/,
    );
  });
});

it.each([
  [
    'alter role conclave_tenant bypassrls',
    'alter role conclave_tenant nobypassrls',
    'bypasses row-level security',
  ],
  [
    'grant conclave_service to conclave_tenant',
    'revoke conclave_service from conclave_tenant',
    'conclave_tenant is a member of conclave_service',
  ],
])('does not work under roles that see past it: %s', async (change, back, complaint) => {
  await administer('postgres', change);
  try {
    await expect(migrate(urlOf('maker', 'made'))).rejects.toThrow(complaint);
  } finally {
    await administer('postgres', back);
  }
});
