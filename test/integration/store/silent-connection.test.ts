import { randomUUID } from 'node:crypto';
import { type Db, openDatabase } from '../../../src/store/database';
import { migrate } from '../../../src/store/migrations';
import { createDatabase, dropDatabase, testServers } from '../../support/system';
import { TcpProxy } from '../../support/tcp-proxy';

const { databaseUrl } = testServers();

describe('a connection that fell silent', () => {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  let proxy: TcpProxy;
  let direct: Db;
  let behind: Db;
  beforeAll(async () => {
    const url = await createDatabase(databaseUrl, name);
    await migrate(url);
    direct = openDatabase(url, 2);
    proxy = TcpProxy.before(url);
    await proxy.open();
    const through = new URL(url);
    through.host = proxy.address;
    behind = openDatabase(through.href, 2);
  });
  afterAll(async () => {
    await behind?.destroy();
    await direct?.destroy();
    await proxy?.cut();
    await dropDatabase(databaseUrl, name);
  });

  const note = (db: Db, tenant: string) =>
    db
      .insertInto('tenant_key')
      .values({ tenant_id: tenant, wrapped_key: Buffer.from('k') })
      .execute();

  it.each(['resume', 'renew'] as const)(
    'is given up: what it held back does not swallow what comes after (%s) [15.2]',
    async (how) => {
      await note(behind, `${how} before`);
      proxy.stall();
      // The `begin` is on its way when the silence starts.
      await expect(behind.transaction().execute((tx) => note(tx, `${how} during`))).rejects.toThrow(
        'timeout',
      );
      proxy[how]();
      await note(behind, `${how} after`);
      const rows = await direct.selectFrom('tenant_key').select('tenant_id').execute();
      expect(rows.map((row) => row.tenant_id).filter((tenant) => tenant.startsWith(how))).toEqual([
        `${how} before`,
        `${how} after`,
      ]);
    },
  );
});
