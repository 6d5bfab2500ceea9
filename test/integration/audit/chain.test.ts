import { sql } from 'kysely';
import { AuditCheckpoints } from '../../../src/store/audit-checkpoints';
import { recordAudit } from '../../../src/store/audit-log';
import { AuditRetention } from '../../../src/store/audit-retention';
import { AuditSealer } from '../../../src/store/audit-sealer';
import { AuditVerifier } from '../../../src/store/audit-verifier';
import { eventually } from '../../support/eventually';
import { keysOf, TestLog } from './support';

let audit: TestLog;
beforeAll(async () => {
  audit = await TestLog.open();
});
afterAll(() => audit?.close());

const at = (tenant: string, position: number) =>
  sql`(select sequence from audit_link where tenant_id = ${tenant} and position = ${position})`;

async function onlyBreak(tenant: string) {
  const { intact, breaks } = await audit.verify(tenant);
  expect({ intact, breaks: breaks.length }).toEqual({ intact: false, breaks: 1 });
  return breaks[0]!;
}

describe('The audit log', () => {
  it('is a chain for each tenant, begun by how many rows there were before [E10]', async () => {
    const [one, other] = [await audit.chainOf(3), await audit.chainOf(2)];
    const { rows } = await sql<{ tenant_id: string; kinds: string[]; earlier: number }>`
      select link.tenant_id, array_agg(kind order by position) as kinds,
             max((record ->> 'earlier_rows')::int) as earlier
      from audit_link link join audit using (sequence) where link.tenant_id in (${one}, ${other})
      group by 1`.execute(audit.db);
    const kinds = new Map(rows.map((row) => [row.tenant_id, row.kinds]));
    expect(kinds.get(one)).toEqual(['audit_genesis', ...Array.from({ length: 3 }, () => 'orchestration')]);
    expect(kinds.get(other)).toHaveLength(3);
    expect(rows.map(({ earlier }) => earlier)).toEqual([0, 0]);
    const verified = await audit.verify(one);
    expect(verified).toMatchObject({ intact: true, rows: 4, breaks: [] });
    expect(verified.chains).toMatchObject([{ tenant_id: one, from_position: 0, to_position: 4 }]);
  });

  it.each([
    'update audit set kind = kind',
    'delete from audit',
    'truncate audit cascade',
    'delete from audit_link',
  ])('refuses: %s', async (statement) => {
    await audit.chainOf(1);
    await expect(sql.raw(statement).execute(audit.owner)).rejects.toThrow('the audit log only grows');
  });

  it.each([
    'update audit_checkpoint set signed_at = now()',
    'delete from audit_checkpoint',
    'delete from audit_mark',
  ])('refuses of its checkpoints: %s', async (statement) => {
    await expect(sql.raw(statement).execute(audit.owner)).rejects.toThrow('the audit log only grows');
  });

  it.each(['alter table audit disable trigger user', 'truncate audit', 'drop table audit_mark'])(
    'is not the service’s to unlock: %s',
    async (statement) => {
      await expect(sql.raw(statement).execute(audit.db)).rejects.toMatchObject({ code: '42501' });
    },
  );
});

describe('Verification finds the first break [E10]:', () => {
  it('a row that was altered [platform 21.3]', async () => {
    const tenant = await audit.chainOf(6);
    await audit.tamper(sql`update audit set record = '{"n": 9}' where sequence = ${at(tenant, 4)}`);
    await audit.tamper(sql`update audit set kind = 'other' where sequence = ${at(tenant, 6)}`);
    expect(await onlyBreak(tenant)).toMatchObject({ kind: 'altered', position: 4 });
  });

  it.each(['tenant_id', 'request_id', 'created_at'])('a row whose %s was altered', async (column) => {
    const tenant = await audit.chainOf(3);
    const values: Record<string, ReturnType<typeof sql>> = {
      tenant_id: sql`'other'`,
      request_id: sql`gen_random_uuid()`,
      created_at: sql`created_at - interval '1 microsecond'`,
    };
    const change = sql`update audit set ${sql.ref(column)} = ${values[column]!} where sequence = ${at(tenant, 2)}`;
    await audit.tamper(change);
    expect(await onlyBreak(tenant)).toMatchObject({
      kind: column === 'tenant_id' ? 'removed' : 'altered',
      position: 2,
    });
  });

  it('a row that was removed', async () => {
    const tenant = await audit.chainOf(4);
    await audit.tamper(sql`delete from audit where sequence = ${at(tenant, 3)}`);
    expect(await onlyBreak(tenant)).toMatchObject({ kind: 'removed', position: 3 });
  });

  it('a row that was removed with its link', async () => {
    const tenant = await audit.chainOf(4);
    await audit.tamper(sql`
      with gone as (delete from audit_link where tenant_id = ${tenant} and position = 3 returning sequence)
      delete from audit using gone where audit.sequence = gone.sequence`);
    expect(await onlyBreak(tenant)).toMatchObject({ kind: 'removed', position: 3 });
  });

  it('a row that was removed with its link, and those after it moved up', async () => {
    const tenant = await audit.chainOf(5);
    await audit.tamper(sql`delete from audit_link where tenant_id = ${tenant} and position = 3`);
    for (const position of [4, 5, 6])
      await audit.tamper(
        sql`update audit_link set position = ${position - 1} where tenant_id = ${tenant} and position = ${position}`,
      );
    expect(await onlyBreak(tenant)).toMatchObject({ kind: 'removed', position: 3 });
  });

  it('rows that changed places', async () => {
    const tenant = await audit.chainOf(5);
    await audit.tamper(sql`
      update audit set record = other.record, request_id = other.request_id, created_at = other.created_at
      from audit other
      where (audit.sequence, other.sequence) in ((${at(tenant, 3)}, ${at(tenant, 5)}), (${at(tenant, 5)}, ${at(tenant, 3)}))`);
    expect(await onlyBreak(tenant)).toMatchObject({ kind: 'reordered', position: 3 });
  });

  it('links that changed places', async () => {
    const tenant = await audit.chainOf(5);
    for (const [from, to] of [
      [3, 99],
      [4, 3],
      [99, 4],
    ] as const)
      await audit.tamper(
        sql`update audit_link set position = ${to} where tenant_id = ${tenant} and position = ${from}`,
      );
    expect(await onlyBreak(tenant)).toMatchObject({ kind: 'reordered', position: 3 });
  });

  it('a row and a link between others', async () => {
    const tenant = await audit.chainOf(4);
    for (const position of [5, 4, 3])
      await audit.tamper(
        sql`update audit_link set position = ${position + 1} where tenant_id = ${tenant} and position = ${position}`,
      );
    await audit.tamper(sql`
      with made as (
        insert into audit (tenant_id, request_id, kind, record)
        values (${tenant}, gen_random_uuid(), 'orchestration', '{}') returning sequence
      )
      insert into audit_link (sequence, tenant_id, position, digest, previous, hash)
      select made.sequence, tenant_id, 3, sha256('x'), hash, sha256('y')
      from made, audit_link where tenant_id = ${tenant} and position = 2`);
    expect(await onlyBreak(tenant)).toMatchObject({ kind: 'inserted', position: 3 });
  });
});

describe('What happens before rows are sealed', () => {
  let own: TestLog;
  beforeEach(async () => {
    own = await TestLog.open();
  });
  afterEach(() => own.close());

  /** Until the numbers so far are accounted for. */
  const accounted = () =>
    eventually(
      async () => {
        await own.sealAll();
        const { rows } = await sql<{ open: boolean }>`
          select floor < last_value as open from audit_sealing, audit_sequence_seq`.execute(own.db);
        return rows[0]!.open;
      },
      (open) => !open,
    );

  it('shows: a row that vanished leaves a number that no row has', async () => {
    await Promise.all([1, 2, 3].map((n) => own.append('acme', { n })));
    await own.tamper(sql`delete from audit where record @> '{"n": 2}'`);
    await accounted();
    const { rows } = await sql<{ numbers: number[][] }>`
      select record -> 'numbers' as numbers from audit where kind = 'audit_gap'`.execute(own.db);
    expect(rows).toEqual([{ numbers: [[2, 2]] }]);
    // It is on record, and a transaction that failed leaves the same.
    expect(await own.verify()).toMatchObject({ intact: true });
    await own.tamper(sql`update audit set record = '{"numbers": []}' where kind = 'audit_gap'`);
    expect(await own.verify()).toMatchObject({
      intact: false,
      breaks: [{ tenant_id: '*', kind: 'altered' }],
    });
  });

  it('waits for transactions that are still under way, and misses none of their rows', async () => {
    let commit!: () => void;
    let begun!: () => void;
    const inserted = new Promise<void>((resolve) => (begun = resolve));
    const late = own.db.transaction().execute(async (tx) => {
      await recordAudit(tx, { tenant_id: 'acme', request_id: crypto.randomUUID(), kind: 'late', record: {} });
      begun();
      await new Promise<void>((resolve) => (commit = resolve));
    });
    await inserted;
    await own.append('acme', { n: 1 });
    for (let times = 0; times < 5; times++) await own.sealAll();
    const floor = async () =>
      (await sql<{ floor: string }>`select floor from audit_sealing`.execute(own.db)).rows[0]!.floor;
    expect(await floor()).toBe('0');
    commit();
    await late;
    await accounted();
    expect(await own.verify()).toMatchObject({ intact: true, rows: 3 });
    expect(Number(await floor())).toBe(3);
  });

  it('is one sealer at a time, whoever else tries', async () => {
    const others = [1, 2, 3].map(() => new AuditSealer(own.db));
    await Promise.all(Array.from({ length: 300 }, (_, n) => own.append(`t${n % 7}`, { n })));
    await Promise.all(others.map((sealer) => sealer.seal()));
    await accounted();
    expect(await own.verify()).toMatchObject({ intact: true, rows: 307 });
  });

  it('finds a row that was written with the number of an earlier one', async () => {
    await own.append('acme', { n: 1 });
    await accounted();
    await own.tamper(sql`delete from audit_link where position = 2`);
    expect(await own.verify()).toMatchObject({
      breaks: [{ tenant_id: 'acme', kind: 'inserted', sequence: 1 }],
    });
  });

  it('counts the rows of a database that had no chains yet', async () => {
    await Promise.all([1, 2, 3].map((n) => own.append('acme', { n })));
    await sql`update audit_sealing set chained_from = (select max(sequence) from audit)`.execute(own.db);
    await own.append('acme', { n: 4 });
    await accounted();
    const { rows } = await sql<{ record: object }>`
      select record from audit join audit_link using (sequence) where position = 1`.execute(own.db);
    expect(rows).toEqual([{ record: { earlier_rows: 3 } }]);
    expect(await own.verify()).toMatchObject({ intact: true, rows: 5 });
  });
});

describe('Checkpoints', () => {
  let own: TestLog;
  beforeEach(async () => {
    own = await TestLog.open();
  });
  afterEach(() => own.close());

  /** As the sealer does, over what the rows are now. */
  async function rewrite(tenant: string): Promise<void> {
    await own.tamper(sql`delete from audit_link where tenant_id = ${tenant}`);
    await own.tamper(sql`update audit_sealing set floor = 0`);
    await own.tamper(sql`delete from audit where tenant_id = ${tenant} and kind = 'audit_genesis'`);
    await own.sealAll();
  }

  it('sign the head of each chain, once', async () => {
    const [tenant] = [await own.chainOf(2), await own.chainOf(2)];
    expect(await own.checkpoints.write()).toBe(2);
    expect(await own.checkpoints.write()).toBe(0);
    await own.append(tenant);
    await own.sealAll();
    expect(await own.checkpoints.write()).toBe(1);
    expect((await own.verify(tenant)).chains).toMatchObject([{ to_position: 4, signed_position: 4 }]);
  });

  it('find a chain that was written anew', async () => {
    const tenant = await own.chainOf(4);
    await own.checkpoints.write();
    await own.tamper(sql`update audit set record = '{"n": 9}' where sequence = ${at(tenant, 3)}`);
    await rewrite(tenant);
    expect((await own.verify(tenant)).breaks).toMatchObject([{ kind: 'rewritten', position: 5 }]);
  });

  it('find a chain whose end was cut off', async () => {
    const tenant = await own.chainOf(4);
    await own.checkpoints.write();
    await own.tamper(sql`delete from audit where sequence = ${at(tenant, 5)}`);
    await own.tamper(sql`delete from audit_link where tenant_id = ${tenant} and position = 5`);
    expect((await own.verify(tenant)).breaks).toMatchObject([{ kind: 'removed', position: 5 }]);
  });

  it('cannot be made without the key', async () => {
    const tenant = await own.chainOf(2);
    await new AuditCheckpoints(own.db, keysOf()).write();
    expect((await own.verify(tenant)).breaks).toMatchObject([{ kind: 'checkpoint_forged', position: 3 }]);
  });

  it('cannot be moved to another hash', async () => {
    const tenant = await own.chainOf(2);
    await own.checkpoints.write();
    await own.tamper(sql`update audit_checkpoint set hash = sha256('x')`);
    expect((await own.verify(tenant)).breaks).toMatchObject([{ kind: 'checkpoint_forged' }]);
  });

  it('are missed after a day', async () => {
    await own.append('acme');
    await own.sealAll();
    await own.checkpoints.write();
    expect(await own.verify('acme')).toMatchObject({ intact: true });
    await own.append('acme');
    await own.tamper(
      sql`update audit set created_at = now() - interval '25 hours' where sequence not in (select sequence from audit_link)`,
    );
    await own.sealAll();
    expect((await own.verify('acme')).breaks).toMatchObject([{ kind: 'unsigned' }]);
    await own.checkpoints.write();
    expect(await own.verify('acme')).toMatchObject({ intact: true });
  });

  it('let a stretch be verified alone', async () => {
    const tenant = await own.chainOf(3);
    await own.checkpoints.write();
    const { rows } = await sql<{ at: Date }>`select max(signed_at) as at from audit_checkpoint`.execute(
      own.db,
    );
    await own.tamper(sql`update audit set kind = 'other' where sequence = ${at(tenant, 2)}`);
    await own.append(tenant);
    await own.sealAll();
    const range = { tenantId: tenant, from: rows[0]!.at };
    expect(await new AuditVerifier(own.db, own.checkpoints).verify(range)).toMatchObject({
      intact: true,
      rows: 1,
      chains: [{ from_position: 4, to_position: 5 }],
    });
    expect((await own.verify(tenant)).breaks).toMatchObject([{ kind: 'altered', position: 2 }]);
  });
});

describe('Retention', () => {
  let own: TestLog;
  beforeEach(async () => {
    own = await TestLog.open();
  });
  afterEach(() => own.close());

  const dayMs = 86_400_000;
  const later = () => Date.now() + 400 * dayMs;
  const retention = (days: number, broken: (tenant: string) => void = () => undefined) =>
    new AuditRetention({ ...own, daysOf: () => Promise.resolve(days), broken });

  /** A chain of four, signed after three of them. */
  async function signedChain(): Promise<string> {
    const tenant = await own.chainOf(2);
    await own.checkpoints.write();
    await own.append(tenant, { n: 'last' });
    await own.sealAll();
    await own.checkpoints.write();
    return tenant;
  }

  const left = async (tenant: string) =>
    (
      await sql<{ position: string }>`
        select position from audit join audit_link using (sequence)
        where audit.tenant_id = ${tenant} order by position`.execute(own.db)
    ).rows.map(({ position }) => Number(position));

  it('removes what is past it up to a checkpoint, and what is left is a chain yet', async () => {
    const tenant = await signedChain();
    await retention(365).removeExpired();
    expect(await left(tenant)).toEqual([1, 2, 3, 4]);
    await retention(500).removeExpired(later());
    expect(await left(tenant)).toEqual([1, 2, 3, 4]);
    await retention(365).removeExpired(later());
    expect(await left(tenant)).toEqual([4]);
    expect(await own.verify()).toMatchObject({
      intact: true,
      rows: 1,
      chains: [{ from_position: 3, to_position: 4 }],
    });
    await own.append(tenant);
    await own.sealAll();
    expect(await own.verify(tenant)).toMatchObject({ intact: true, rows: 2 });
  });

  it('keeps as evidence what is not what was sealed', async () => {
    const tenant = await signedChain();
    await own.tamper(sql`update audit set kind = 'other' where sequence = ${at(tenant, 2)}`);
    const broken: string[] = [];
    await retention(365, (one) => broken.push(one)).removeExpired(later());
    expect(broken).toEqual([tenant]);
    expect(await left(tenant)).toEqual([1, 2, 3, 4]);
  });

  it('takes no more than it said it would', async () => {
    const tenant = await signedChain();
    await retention(365).removeExpired(later());
    const rest = sql`delete from audit where tenant_id = ${tenant}`.execute(own.db);
    await expect(rest).rejects.toThrow('the audit log only grows');
    const unsigned = sql`insert into audit_mark (tenant_id, position, hash, sequence)
      select tenant_id, position, sha256('x'), sequence from audit_link`.execute(own.db);
    await expect(unsigned).rejects.toThrow('foreign key');
  });
});
