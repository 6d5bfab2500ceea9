import { randomUUID } from 'node:crypto';
import { foldedInto } from '../../../src/domain/notices';
import type { Happening } from '../../../src/contract/notices';
import { type Db, openDatabase } from '../../../src/store/database';
import { migrate } from '../../../src/store/migrations';
import { Notices } from '../../../src/store/notices';
import { createDatabase, dropDatabase, testServers } from '../../support/system';

const { databaseUrl } = testServers();
const hourMs = 3_600_000;
const happening = (subject = 'pii'): Happening => ({
  event: 'breaker_opened',
  tenant_id: null,
  subject,
  reason: 'failures',
});

describe('Notices in the store', () => {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  let db: Db;
  let notices: Notices;
  beforeAll(async () => {
    const url = await createDatabase(databaseUrl, name);
    await migrate(url);
    db = openDatabase(url, 8);
  });
  beforeEach(async () => {
    await db.deleteFrom('notice').execute();
    notices = told('email', 'oncall@example.org');
  });
  afterAll(async () => {
    await db?.destroy();
    await dropDatabase(databaseUrl, name);
  });

  const told = (channel: 'email' | 'webhook', ...to: string[]) =>
    new Notices(db, {
      targetsOf: () => to.map((each) => ({ channel, to: each })),
      foldedInto,
      mailIntervalMs: hourMs,
    });
  const rows = () =>
    db
      .selectFrom('notice')
      .selectAll()
      .select(({ eb, ref }) => eb(ref('look_at'), '>', new Date(Date.now() + hourMs / 2)).as('later'))
      .execute();
  /** As if its time had come. */
  const due = async () => {
    await db
      .updateTable('notice')
      .set({ look_at: new Date(0) })
      .execute();
    return notices.takeDue(10);
  };

  it('become one, however many happen at once, on however many processes', async () => {
    await Promise.all(
      Array.from({ length: 30 }, () => told('email', 'oncall@example.org').tell(happening())),
    );
    const [row, ...others] = await rows();
    expect(others).toEqual([]);
    expect(row!.notice).toMatchObject({ happened: [{ subject: 'pii', times: 30 }], omitted: 0 });
    expect(row!.later).toBe(false);
  });

  it('for one address are an hour apart: what happens meanwhile is in the next', async () => {
    await notices.tell(happening());
    const [first] = await due();
    await notices.begin(first!);
    await notices.settle(first!, 'delivered', null);
    for (let n = 0; n < 20; n++) await notices.tell(happening());
    const next = (await rows()).find(({ status }) => status === 'open');
    expect(next).toMatchObject({ later: true, notice: { happened: [{ times: 20 }] } });
    expect(await notices.takeDue(10)).toEqual([]);
  });

  it('are not changed any more once they are on their way', async () => {
    await notices.tell(happening());
    const [first] = await due();
    const { notice } = (await notices.begin(first!))!;
    await notices.tell(happening('other'));
    expect((await notices.begin(first!))!).toMatchObject({ notice, number: 2 });
    expect(await rows()).toHaveLength(2);
  });

  it('are not kept of what did not happen', async () => {
    const undone = db.transaction().execute(async (tx) => {
      await notices.record(tx, [happening()]);
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    expect(await rows()).toEqual([]);
  });

  it('are taken by one at a time, and again by another when that one died', async () => {
    notices = told('webhook', ...Array.from({ length: 20 }, (_, n) => `https://hooks.example/${n}`));
    await notices.tell(happening());
    const taken = await Promise.all([1, 2, 3].map(() => notices.takeDue(10)));
    const ids = taken.flat().map(({ notice_id }) => notice_id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(await due()).toHaveLength(10);
    await notices.handBack(taken[0]!);
    expect((await notices.takeDue(50)).length).toBeGreaterThanOrEqual(taken[0]!.length);
  });

  it('that have ended are not told once more', async () => {
    await notices.tell(happening());
    const [first] = await due();
    await notices.begin(first!);
    await notices.settle(first!, 'failed', 'refused');
    expect(await due()).toEqual([]);
    expect(await notices.begin(first!)).toBeNull();
    expect(await rows()).toMatchObject([{ status: 'failed', error: 'refused', attempts: 1 }]);
  });
});
