import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { AuditRecords } from '../../../src/store/audit-records';
import { ChainBroken, type SealedRow, SealedRows } from '../../../src/store/sealed-rows';
import { TestLog } from './support';

let audit: TestLog;
beforeAll(async () => {
  audit = await TestLog.open();
});
afterAll(() => audit?.close());

const asItIs = (record: unknown) => record;

async function rowsOf(tenant: string, first: number, last: number, presentable = asItIs) {
  const rows: SealedRow[] = [];
  for await (const page of new SealedRows(audit.db, presentable).between(tenant, first, last))
    rows.push(...page);
  return rows;
}

describe('A stretch of a chain', () => {
  it('has digests that can be made anew without the database, whatever a record holds', async () => {
    const tenant = randomUUID();
    const odd = [
      { b: 1, aa: 2, a: 3, é: 4, ab: 5, ключ: 6, '': 7, '𝄞': 8 },
      { nested: { list: [1, 'two', null, true, [], {}], deep: { z: [{}] } } },
      { text: 'quote " backslash \\ slash / tab \t line \n page \f bell \u0007 delete \u007f \u2028 é 😀' },
      { numbers: [0, -0, 1.5, -2.25, 0.1, 1e21, 1.5e300, 5e-7, -1.25e-9, 123456789012345, 2 ** 53] },
      {},
    ];
    for (const record of odd) await audit.append(tenant, record, 'odd');
    await audit.sealAll();
    const rows = await rowsOf(tenant, 2, odd.length + 1);
    expect(rows.map(({ verbatim, record }) => [record.record, verbatim])).toEqual(
      odd.map((record) => [JSON.parse(JSON.stringify(record)), true]),
    );
    const hidden = await rowsOf(tenant, 2, 3, () => ({ hidden: true }));
    expect(hidden.map(({ verbatim }) => verbatim)).toEqual([false, false]);
  });

  it('is read in pages, all of it and nothing else', async () => {
    const tenant = await audit.chainOf(1200);
    const rows = await rowsOf(tenant, 3, 1150);
    expect(rows.map(({ record }) => record.position)).toEqual(Array.from({ length: 1148 }, (_, n) => n + 3));
  });

  it.each([
    ['altered', 'update audit set record = \'{"n": 9}\' where sequence = ', '4 \\(row \\d+\\)'],
    ['removed', 'delete from audit where sequence = ', '4 \\(row \\d+\\)'],
  ])('ends where a row was %s', async (_name, statement, where) => {
    const tenant = await audit.chainOf(6);
    await audit.tamper(
      sql`${sql.raw(statement)} (select sequence from audit_link where tenant_id = ${tenant} and position = 4)`,
    );
    const reading = rowsOf(tenant, 2, 6);
    await expect(reading).rejects.toThrow(ChainBroken);
    await expect(reading).rejects.toThrow(new RegExp(`position ${where}`));
  });

  it('is found by time, with how many rows of it are not sealed', async () => {
    const tenant = await audit.chainOf(3);
    const records = new AuditRecords(audit.db, asItIs);
    const range = (from: number, to: number) => ({
      from: new Date(Date.now() + from).toISOString(),
      to: new Date(Date.now() + to).toISOString(),
    });
    expect(await records.extent(tenant, range(-60_000, 60_000))).toEqual({
      ...{ rows: 4, unsealed: 0, first: 1, last: 4 },
    });
    await audit.append(tenant);
    expect(await records.extent(tenant, range(-60_000, 60_000))).toMatchObject({ rows: 5, unsealed: 1 });
    expect(await records.extent(tenant, range(-60_000, -30_000))).toBeNull();
    expect(await new SealedRows(audit.db, asItIs).isCutBefore(tenant, 3)).toBe(false);
    await audit.tamper(sql`delete from audit_link where tenant_id = ${tenant} and position < 3`);
    expect(await new SealedRows(audit.db, asItIs).isCutBefore(tenant, 3)).toBe(true);
  });

  it('leads from a request to its record, of the tenant alone', async () => {
    const [tenant, id, other] = [randomUUID(), randomUUID(), randomUUID()];
    await audit.append(tenant, { n: 1 }, 'orchestration', id);
    await audit.append(tenant, { n: 2 }, 'operation', id);
    await audit.append('others', { n: 3 }, 'orchestration', other);
    const endings = await new AuditRecords(audit.db, asItIs).endings([id, other, id], tenant);
    expect([...endings]).toEqual([[id, { n: 1 }]]);
  });
});
