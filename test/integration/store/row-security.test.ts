import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { asTenant, type Db, openAsOwner, openDatabase } from '../../../src/store/database';
import { migrate } from '../../../src/store/migrations';
import { apart, inOneTransaction } from '../../../src/store/one-transaction';
import { eventually } from '../../support/eventually';
import { createDatabase, dropDatabase, testServers } from '../../support/system';

const name = `test_${randomUUID().replaceAll('-', '')}`;
let url: string;
let db: Db;
let owner: Db;
beforeAll(async () => {
  url = await createDatabase(testServers().databaseUrl, name);
  await migrate(url);
  db = openDatabase(url, 4);
  owner = openAsOwner(url);
});
afterAll(async () => {
  await db?.destroy();
  await owner?.destroy();
  await dropDatabase(testServers().databaseUrl, name);
});

/** Which belong to the installation: no tenant reads them, by whatever statement. */
const installation = [
  'audit_sealing',
  'cache_generation',
  'circuit_breaker',
  'detector_use',
  'endpoint_health',
  'health_check_result',
  'health_event',
  'key_holder',
  'key_rotation',
  'kysely_migration',
  'kysely_migration_lock',
  'master_key',
  'notice',
  'process_figures',
  'registry_config_history',
  'registry_state',
  'revoked_token',
  'upstream',
];
/** Of what belongs to a tenant without saying so: where it says so. */
const holders: Readonly<Record<string, readonly [table: string, key: string, sample: () => string]>> = {
  member_result: ['orchestration', 'request_id', randomUUID],
  blob: ['run_key', 'run_id', randomUUID],
  bulk_chunk: ['bulk_job', 'bulk_id', randomUUID],
};

interface Table {
  readonly name: string;
  readonly has_tenant: boolean;
  readonly secured: boolean;
  readonly policies: string[];
  readonly readable: boolean;
}

async function tables(): Promise<Table[]> {
  const { rows } = await sql<Table>`
    select relname as name, relrowsecurity as secured,
           exists (select from pg_attribute
                   where attrelid = pg_class.oid and attname = 'tenant_id' and not attisdropped) as has_tenant,
           array(select polname::text from pg_policy where polrelid = pg_class.oid order by polname) as policies,
           has_table_privilege('conclave_tenant', oid, 'select') as readable
    from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace
    order by relname`.execute(owner);
  return rows;
}

const tenantTables = async () => (await tables()).filter(({ has_tenant: hasTenant }) => hasTenant);

const tenantsIn = async (table: string, on: Db): Promise<string[]> =>
  (await sql<{ tenant_id: string }>`select tenant_id from ${sql.table(table)}`.execute(on)).rows
    .map(({ tenant_id: tenant }) => tenant)
    .toSorted();

interface Session {
  readonly role: string;
  readonly tenant: string | null;
}
const session = async (on: Db): Promise<Session> =>
  (
    await sql<Session>`
      select current_user as role, nullif(current_setting('app.current_tenant_id', true), '') as tenant`.execute(
      on,
    )
  ).rows[0]!;
const service = { role: 'conclave_service', tenant: null };
const acme = { role: 'conclave_tenant', tenant: 'acme' };

describe('Every table', () => {
  it('is a tenant’s and secured, or the installation’s and closed to tenants, as one is that comes later', async () => {
    await sql`create table of_later (tenant_id text not null, note text)`.execute(owner);
    const later = async () => (await tables()).find((table) => table.name === 'of_later');
    expect(await later()).toMatchObject({ secured: false, policies: [], readable: false });
    // As at the next start, of several processes.
    await Promise.all([migrate(url), migrate(url)]);
    expect(await later()).toMatchObject({
      secured: true,
      policies: ['of_service', 'of_tenant'],
      readable: true,
    });
    const all = await tables();
    const tenants = all.filter(({ name: table, has_tenant: own }) => own || table in holders);
    expect(tenants.length).toBeGreaterThan(20);
    expect(tenants.filter(({ secured, policies }) => !secured || policies.length !== 2)).toEqual([]);
    const rest = all.filter((table) => !tenants.includes(table));
    expect(rest.map((table) => table.name)).toEqual(installation);
    expect(rest.filter(({ readable }) => readable)).toEqual([]);
  });
});

describe('Where a statement forgets whose rows it is about', () => {
  /** What rows refer to, and what is checked of them, does not matter here. */
  beforeAll(async () => {
    const { rows } = await sql<{ statement: string }>`
      select format('alter table %s drop constraint if exists %I cascade', conrelid::regclass, conname) as statement
      from pg_constraint where connamespace = 'public'::regnamespace and contype in ('c', 'f')
      union all
      select format('alter table %s disable trigger user', oid::regclass)
      from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`.execute(owner);
    for (const { statement } of rows) await sql.raw(statement).execute(owner);
  });

  async function insert(on: Db, table: string, given: Readonly<Record<string, string>>): Promise<void> {
    const { rows } = await sql<{ name: string; type: string }>`
      select column_name as name, data_type as type from information_schema.columns
      where table_schema = 'public' and table_name = ${table} and is_nullable = 'NO'
        and column_default is null and is_identity = 'NO' and is_generated = 'NEVER'`.execute(owner);
    const others = rows.filter((column) => !(column.name in given));
    const names = [...Object.keys(given), ...others.map((column) => column.name)];
    const values = [...Object.values(given).map((value) => sql`${value}`), ...others.map(sampleOf)];
    await sql`insert into ${sql.table(table)} (${sql.join(names.map((one) => sql.ref(one)))})
      values (${sql.join(values)})`.execute(on);
  }

  it('a tenant reads, changes and removes its own alone, in every table; nobody’s nothing [F.4] [C.9]', async () => {
    for (const { name: table } of await tenantTables()) {
      // As the tenants themselves, who can write what is theirs.
      for (const tenant of ['acme', 'globex'])
        await insert(asTenant(db, tenant), table, { tenant_id: tenant });
      const seen = {
        service: await tenantsIn(table, db),
        acme: await tenantsIn(table, asTenant(db, 'acme')),
        other: await tenantsIn(table, asTenant(db, 'other')),
        nobody: await tenantsIn(table, asTenant(db, '')),
      };
      const changed = await sql`update ${sql.table(table)} set tenant_id = tenant_id`.execute(
        asTenant(db, 'acme'),
      );
      const removed = await sql`delete from ${sql.table(table)}`.execute(asTenant(db, 'acme'));
      expect([table, seen, changed.numAffectedRows, removed.numAffectedRows]).toEqual([
        table,
        { service: ['acme', 'globex'], acme: ['acme'], other: [], nobody: [] },
        1n,
        1n,
      ]);
      expect([table, await tenantsIn(table, db)]).toEqual([table, ['globex']]);
    }
  });

  it('a tenant writes nothing that is another’s, nor gives its own away [F.4]', async () => {
    for (const { name: table } of await tenantTables()) {
      const foreign = insert(asTenant(db, 'acme'), table, { tenant_id: 'globex' });
      expect([table, await foreign.catch((error: Error) => error.message)]).toEqual([
        table,
        expect.stringContaining('violates row-level security'),
      ]);
    }
    await insert(db, 'of_later', { tenant_id: 'acme' });
    const given = sql`update of_later set tenant_id = 'globex'`.execute(asTenant(db, 'acme'));
    await expect(given).rejects.toThrow('violates row-level security');
  });

  it.each(Object.keys(holders))(
    'what hangs on a tenant’s rows is the tenant’s, too: %s [F.4]',
    async (table) => {
      const [holder, key, sample] = holders[table]!;
      const ids = { acme: sample(), globex: sample() };
      for (const [tenant, id] of Object.entries(ids)) {
        await insert(db, holder, { tenant_id: tenant, [key]: id });
        await insert(asTenant(db, tenant), table, { [key]: id });
      }
      const seen = async (on: Db) =>
        (await sql<Record<string, string>>`select * from ${sql.table(table)}`.execute(on)).rows.map(
          (row) => row[key],
        );
      expect((await seen(db)).toSorted()).toEqual(Object.values(ids).toSorted());
      expect(await seen(asTenant(db, 'acme'))).toEqual([ids.acme]);
      expect(await seen(asTenant(db, ''))).toEqual([]);
      await expect(insert(asTenant(db, 'acme'), table, { [key]: ids.globex })).rejects.toThrow(
        'row-level security',
      );
    },
  );

  it.each(installation)('nothing of the installation is there for tenants: %s', async (table) => {
    const read = sql`select from ${sql.table(table)}`.execute(asTenant(db, 'acme'));
    await expect(read).rejects.toThrow('permission denied');
  });
});

function sampleOf({ type }: { readonly type: string }) {
  if (type === 'uuid') return sql`gen_random_uuid()`;
  if (type === 'bytea') return sql`decode(md5(random()::text), 'hex')`;
  if (type === 'jsonb' || type === 'json' || type === 'ARRAY') return sql`'{}'`;
  if (type.startsWith('timestamp')) return sql`now()`;
  if (type === 'boolean') return sql`false`;
  if (type === 'text') return sql`md5(random()::text)`;
  return sql`(random() * 1000000)::int`;
}

describe('Who works on the tables', () => {
  it('owns none, bypasses nothing, and cannot alter them [C.9]', async () => {
    const { rows } = await sql`
      select rolname as name from pg_roles
      where rolname in ('conclave_service', 'conclave_tenant')
        and not (rolsuper or rolbypassrls or rolcanlogin or rolcreaterole or rolcreatedb) order by 1`.execute(
      db,
    );
    expect(rows).toEqual([{ name: 'conclave_service' }, { name: 'conclave_tenant' }]);
    const { rows: owned } = await sql`
      select from pg_class where relowner in ('conclave_service'::regrole, 'conclave_tenant'::regrole)`.execute(
      db,
    );
    expect(owned).toEqual([]);
    expect(await session(db)).toEqual(service);
    for (const statement of [
      'alter table orchestration disable row level security',
      'drop policy of_tenant on orchestration',
      'create table mine (n int)',
      'create policy mine on orchestration using (true)',
      'truncate orchestration',
    ])
      await expect(sql.raw(statement).execute(db)).rejects.toMatchObject({ code: '42501' });
  });

  it('is the service again after whatever it did for a tenant, on the same connection', async () => {
    const pool = openDatabase(url, 1);
    const tenant = asTenant(pool, 'acme');
    const failing = sql`select 1 / 0`;
    try {
      expect(await session(tenant)).toEqual(acme);
      expect(await session(pool)).toEqual(service);
      await expect(failing.execute(tenant)).rejects.toThrow('division by zero');
      expect(await session(pool)).toEqual(service);
      expect(await tenant.transaction().execute((tx) => session(tx))).toEqual(acme);
      expect(await session(pool)).toEqual(service);
      await expect(tenant.transaction().execute((tx) => failing.execute(tx))).rejects.toThrow(
        'division by zero',
      );
      expect(await session(pool)).toEqual(service);
      await sql`reset role`.execute(pool);
      expect(await session(pool)).toEqual(service);
    } finally {
      await pool.destroy();
    }
  });

  it('takes no tenant’s name for a statement', async () => {
    const odd = `o'; reset role; select '\\`;
    expect(await session(asTenant(db, odd))).toEqual({ role: 'conclave_tenant', tenant: odd });
    const inside = await asTenant(db, odd).transaction().execute(session);
    expect(inside).toEqual({ role: 'conclave_tenant', tenant: odd });
  });

  it('gets what a statement answers, whatever that is', async () => {
    const tenant = asTenant(db, 'acme');
    const inserted = await tenant
      .insertInto('cache_generation')
      .values({ scope: 'a', generation: '1' })
      .execute()
      .catch((error: Error) => error.message);
    expect(inserted).toContain('permission denied');
    await sql`insert into of_later (tenant_id, note) values ('acme', 'one'), ('acme', ${'two'})`.execute(
      tenant,
    );
    const { numAffectedRows } = await sql`update of_later set note = ${'three'} where note = 'two'`.execute(
      tenant,
    );
    expect(numAffectedRows).toBe(1n);
    const { rows } = await sql`select note from of_later where note is not null order by 1`.execute(tenant);
    expect(rows).toEqual([{ note: 'one' }, { note: 'three' }]);
  });

  it('leaves no connection behind where only tenants have asked', async () => {
    const pool = openDatabase(url, 1);
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(
      asTenant(pool, 'acme'),
    );
    await pool.destroy();
    await eventually(
      async () => (await sql`select from pg_stat_activity where pid = ${rows[0]!.pid}`.execute(owner)).rows,
      (left) => left.length === 0,
    );
  });

  it('is a tenant for a whole transaction or not at all', () =>
    db.transaction().execute(async (tx) => {
      expect(() => asTenant(tx, 'acme')).toThrow('from its beginning');
    }));

  it('keeps the address’s own wishes, and is not taken for its login by them', async () => {
    const own = new URL(url);
    own.searchParams.set('options', '-c work_mem=5MB');
    const pool = openDatabase(own.href, 1);
    try {
      const { rows } = await sql`show work_mem`.execute(pool);
      expect([rows, await session(pool)]).toEqual([[{ work_mem: '5MB' }], service]);
    } finally {
      await pool.destroy();
    }
  });
});

describe('In one transaction with others', () => {
  const tenant = () => asTenant(db, 'acme');

  it('a tenant’s statement is the tenant’s, and the next is the service’s', () =>
    inOneTransaction(db, async (tx) => {
      expect(await session(tenant())).toEqual(acme);
      expect([await session(db), await session(tx)]).toEqual([service, service]);
    }));

  it('a tenant’s transaction is the tenant’s to its end, and those of others within are theirs', () =>
    inOneTransaction(db, async (tx) => {
      await tenant()
        .transaction()
        .execute(async (own) => {
          expect(await session(own)).toEqual(acme);
          expect(await session(db)).toEqual(service);
          expect(await session(asTenant(db, 'globex'))).toEqual({ ...acme, tenant: 'globex' });
          await db.transaction().execute(async (inner) => expect(await session(inner)).toEqual(service));
          expect(await session(own)).toEqual(acme);
        });
      expect([await session(db), await session(tx)]).toEqual([service, service]);
    }));

  it('one that fails is undone, and what follows is the service’s', async () => {
    const note = randomUUID();
    await inOneTransaction(db, async (tx) => {
      const failing = tenant()
        .transaction()
        .execute(async (own) => {
          await sql`insert into of_later (tenant_id, note) values ('acme', ${note})`.execute(own);
          await sql`select 1 / 0`.execute(own);
        });
      await expect(failing).rejects.toThrow('division by zero');
      expect([await session(db), await session(tx)]).toEqual([service, service]);
      await sql`insert into of_later (tenant_id, note) values ('acme', ${`${note}!`})`.execute(tenant());
    });
    const { rows } = await sql`select note from of_later where note like ${`${note}%`}`.execute(db);
    expect(rows).toEqual([{ note: `${note}!` }]);
  });

  it('statements that are made at the same time are each whose they are', () =>
    inOneTransaction(db, async () => {
      const whose = [tenant(), db, asTenant(db, 'globex'), db, tenant()].map(session);
      expect((await Promise.all(whose)).map((one) => one.tenant)).toEqual([
        'acme',
        null,
        'globex',
        null,
        'acme',
      ]);
    }));

  it('what is done apart is a tenant’s or the service’s as ever', () =>
    inOneTransaction(db, () =>
      tenant()
        .transaction()
        .execute(async () => {
          expect(await apart(() => session(db))).toEqual(service);
          expect(await apart(() => session(asTenant(db, 'globex')))).toEqual({ ...acme, tenant: 'globex' });
        }),
    ));
});
