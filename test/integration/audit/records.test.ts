import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { presentable } from '../../../src/security/on-record';
import { AuditRecords } from '../../../src/store/audit-records';
import { TestLog } from './support';

let audit: TestLog;
let records: AuditRecords;
beforeAll(async () => {
  audit = await TestLog.open();
  records = new AuditRecords(audit.db, presentable);
});
afterAll(() => audit?.close());

const numbers = (page: { readonly records: readonly { readonly record: object }[] }) =>
  page.records.map(({ record }) => (record as { n: number }).n);

describe('The audit log is read', () => {
  it('by pages, kind and tenant, with the place in the chain [F.14]', async () => {
    const [tenant, other] = [randomUUID(), randomUUID()];
    for (let n = 0; n < 5; n++) {
      await audit.append(tenant, { n }, n % 2 === 0 ? 'orchestration' : 'policy_change');
      await audit.append(other, { n: 10 + n });
    }
    const first = await records.page(tenant, {}, 3, null);
    expect(numbers(first)).toEqual([0, 1, 2]);
    expect(first.records[0]).toMatchObject({
      tenant_id: tenant,
      position: null,
      previous_hash: null,
      hash: null,
    });
    expect(numbers(await records.page(tenant, {}, 3, first.next))).toEqual([3, 4]);
    expect(numbers(await records.page(tenant, { kind: 'policy_change' }, 3, null))).toEqual([1, 3]);
    expect(await records.count(tenant, { kind: 'orchestration' })).toBe(3);
    expect(await records.count(null, { kind: 'orchestration' })).toBeGreaterThanOrEqual(8);

    await audit.sealAll();
    const [second, third] = (await records.page(tenant, { kind: 'policy_change' }, 3, null)).records;
    expect([second!.position, third!.position]).toEqual([3, 5]);
    expect(second!.hash).toMatch(/^[0-9a-f]{64}$/);
    const all: unknown[] = [];
    for await (const one of records.all(tenant, {})) all.push(one.previous_hash);
    expect(all[4]).toBe((await records.page(tenant, {}, 4, null)).records[3]!.hash);
  });

  it('by time', async () => {
    const tenant = randomUUID();
    for (let n = 0; n < 6; n++) await audit.append(tenant, { n });
    // Hours apart, each row an hour.
    await audit.tamper(sql`
      update audit set created_at = now() - make_interval(hours => 6 - (record ->> 'n')::int) where tenant_id = ${tenant}`);
    await audit.tamper(sql`
      update audit set created_at = now() - interval '1 day'
      where sequence < (select min(sequence) from audit where tenant_id = ${tenant})`);
    const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString();
    const range = { from: hoursAgo(4.5), to: hoursAgo(1.5) };
    expect(numbers(await records.page(tenant, range, 10, null))).toEqual([2, 3, 4]);
    expect(await records.count(tenant, range)).toBe(3);
  });

  it('by request, all that it did, of the tenant alone [F.14]', async () => {
    const [tenant, requestId] = [randomUUID(), randomUUID()];
    await audit.append(tenant, { n: 1 }, 'orchestration', requestId);
    await audit.append(tenant, { n: 2 }, 'callback_replay', requestId);
    await audit.append('other', { n: 3 }, 'orchestration', requestId);
    expect((await records.trail(requestId, tenant)).map(({ kind }) => kind)).toEqual([
      'orchestration',
      'callback_replay',
    ]);
    expect(await records.trail(requestId, null)).toHaveLength(3);
    expect(await records.trail(requestId, 'nobody')).toEqual([]);
  });
});
