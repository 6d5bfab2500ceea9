import { randomBytes, randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { type Db, openAsOwner, openDatabase } from '../../../src/store/database';
import { KeyRing, RunKeyDestroyedError } from '../../../src/store/key-ring';
import { MasterKeys } from '../../../src/store/master-keys';
import { migrate } from '../../../src/store/migrations';
import { Notifications } from '../../../src/store/notifications';
import { Runs } from '../../../src/store/runs';
import { TenantBusyError, TenantKeyDestroyedError } from '../../../src/store/tenant-keys';
import { eventually } from '../../support/eventually';
import { spoilNewKeys } from '../../support/spoilt-keys';
import { createDatabase, dropDatabase, testServers } from '../../support/system';

const name = `test_${randomUUID().replaceAll('-', '')}`;
const masters = [randomBytes(32)];
const by = { principal: 'a test', requestId: randomUUID() };
const verdict = Buffer.from('a verdict');

interface Process {
  readonly keys: KeyRing;
  readonly db: Db;
  stop(): Promise<void>;
}

async function startProcess(url: string): Promise<Process> {
  const db = openDatabase(url, 4);
  const keys = new KeyRing(db, new MasterKeys(() => masters));
  await keys.open();
  const notifications = new Notifications(db, url);
  await notifications.listen();
  const unfollow = keys.follow(notifications);
  return {
    keys,
    db,
    async stop() {
      unfollow();
      await notifications.close();
      await db.destroy();
    },
  };
}

describe('Keys of tenants, in two processes', () => {
  let url: string;
  let here: Process;
  let there: Process;
  beforeAll(async () => {
    url = await createDatabase(testServers().databaseUrl, name);
    await migrate(url);
    [here, there] = [await startProcess(url), await startProcess(url)];
  });
  afterAll(async () => {
    await here?.stop();
    await there?.stop();
    await dropDatabase(testServers().databaseUrl, name);
  });

  const read = (keys: KeyRing, tenant: string, sealed: Buffer): Promise<string> =>
    keys.decryptFor(tenant, sealed, 'answer/1').then(String);

  it('have versions: after a new one all that was sealed is readable, and what is sealed is under it [platform 21.2]', async () => {
    const old = await here.keys.encryptFor('rotating', verdict, 'answer/1');
    expect(await read(there.keys, 'rotating', old)).toBe('a verdict');
    expect(await here.keys.tenantKeys.addVersion('rotating', by)).toBe(2);
    const fresh = await eventually(
      () => there.keys.encryptFor('rotating', verdict, 'answer/1'),
      (sealed) => sealed.readUInt32BE(4) === 2,
    );
    for (const { keys } of [here, there]) {
      expect(await read(keys, 'rotating', old)).toBe('a verdict');
      expect(await read(keys, 'rotating', fresh)).toBe('a verdict');
    }
    const audit = there.db.selectFrom('audit').select('record').where('tenant_id', '=', 'rotating');
    expect(await audit.execute()).toEqual([
      { record: { principal: 'a test', what: 'tenant_key_rotated', version: 2 } },
    ]);
  });

  it('that cannot be opened as they are stored, old or new, leave all as it was', async () => {
    const sealed = await here.keys.encryptFor('unlucky', verdict, 'answer/1');
    const stored = () =>
      here.db.selectFrom('tenant_key').selectAll().where('tenant_id', '=', 'unlucky').execute();
    const before = await stored();
    const spoil = async (wrapped: Buffer) =>
      here.db
        .updateTable('tenant_key')
        .set({ wrapped_key: wrapped })
        .where('tenant_id', '=', 'unlucky')
        .execute();
    await spoil(randomBytes(60));
    await expect(here.keys.tenantKeys.addVersion('unlucky', by)).rejects.toThrow(
      'version 1 of the key of tenant unlucky cannot be opened',
    );
    await spoil(before[0]!.wrapped_key!);
    const owner = openAsOwner(url);
    const mend = await spoilNewKeys((text) => sql.raw(text).execute(owner), 'unlucky');
    await expect(here.keys.tenantKeys.addVersion('unlucky', by)).rejects.toThrow(
      'version 2 of the key of tenant unlucky cannot be opened',
    );
    await mend();
    await owner.destroy();
    expect(await stored()).toEqual(before);
    expect(await read(there.keys, 'unlucky', sealed)).toBe('a verdict');
    expect((await here.keys.encryptFor('unlucky', verdict, 'answer/1')).readUInt32BE(4)).toBe(1);
    expect(await here.keys.tenantKeys.addVersion('unlucky', by)).toBe(2);
  });

  it('when destroyed leave nothing readable of the tenant, in any process, and everything of others [platform 29]', async () => {
    const runs = new Runs(here.db, here.keys, 60_000);
    const runId = `run-${randomUUID()}`;
    await runs.open(runId, 'leaving');
    const sealed = await here.keys.encryptFor('leaving', verdict, 'answer/1');
    const ofAnother = await here.keys.encryptFor('staying', verdict, 'answer/1');
    expect(await read(there.keys, 'leaving', sealed)).toBe('a verdict');
    expect(await there.keys.runKey(runId)).toHaveLength(32);

    await expect(here.keys.tenantKeys.destroy('leaving', by)).rejects.toThrow(TenantBusyError);
    expect(await read(there.keys, 'leaving', sealed)).toBe('a verdict');

    await here.db
      .updateTable('run_key')
      .set({ closed_at: new Date(Date.now() - 60_000) })
      .where('run_id', '=', runId)
      .execute();
    await here.keys.tenantKeys.destroy('leaving', by);
    const newcomer = await startProcess(url);
    for (const { keys } of [here, there, newcomer]) {
      const failure = await eventually(
        () => read(keys, 'leaving', sealed).catch((error: unknown) => error),
        (result) => result instanceof Error,
      );
      expect(failure).toBeInstanceOf(TenantKeyDestroyedError);
      await expect(keys.encryptFor('leaving', verdict, 'answer/1')).rejects.toThrow(TenantKeyDestroyedError);
      await expect(keys.runKey(runId)).rejects.toThrow(RunKeyDestroyedError);
      expect(await read(keys, 'staying', ofAnother)).toBe('a verdict');
    }
    await newcomer.stop();
    const stored = await here.db
      .selectFrom('tenant_key')
      .selectAll()
      .where('tenant_id', '=', 'leaving')
      .execute();
    expect(stored).toMatchObject([{ wrapped_key: null, previous_wrapped_key: null }]);
  });

  it('are never made again for a tenant that had none when they were destroyed', async () => {
    await here.keys.tenantKeys.destroy('never-there', by);
    await expect(there.keys.encryptFor('never-there', verdict, 'answer/1')).rejects.toThrow(
      TenantKeyDestroyedError,
    );
  });
});
