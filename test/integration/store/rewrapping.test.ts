import { randomBytes, randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type { Happening } from '../../../src/contract/notices';
import { type Db, openDatabase } from '../../../src/store/database';
import { KeyRotations } from '../../../src/store/key-rotations';
import { masterKeyId, MasterKeys } from '../../../src/store/master-keys';
import { migrate } from '../../../src/store/migrations';
import { Rewrapping } from '../../../src/store/rewrapping';
import { inKeysTurn, keyLockId, TenantKeys } from '../../../src/store/tenant-keys';
import { eventually } from '../../support/eventually';
import { createDatabase, dropDatabase, testServers } from '../../support/system';

const [oldKey, newKey] = [randomBytes(32), randomBytes(32)];
const [from, to] = [masterKeyId(oldKey), masterKeyId(newKey)];
const masters = new MasterKeys(() => [oldKey, newKey]);
/** More than are wrapped at a time. */
const tenants = Array.from({ length: 120 }, (_, n) => `tenant-${n}`);

describe('Wrapping all keys anew', () => {
  let name: string;
  let db: Db;
  let rewrapping: Rewrapping;
  let rotations: KeyRotations;
  const told: Happening[] = [];
  beforeEach(async () => {
    name = `test_${randomUUID().replaceAll('-', '')}`;
    const url = await createDatabase(testServers().databaseUrl, name);
    await migrate(url);
    db = openDatabase(url, 4);
    const keys = new TenantKeys(db, masters);
    await keys.assertReadable();
    for (const tenant of tenants) await keys.of(tenant);
    rewrapping = new Rewrapping(db, masters);
    told.splice(0);
    rotations = new KeyRotations(db, { record: async (_tx, happenings) => void told.push(...happenings) });
  });
  afterEach(async () => {
    await db?.destroy();
    await dropDatabase(testServers().databaseUrl, name);
  });

  async function begun(): Promise<string> {
    const rotationId = randomUUID();
    await rotations.begin({ rotationId, kind: 'master_key', from, to, total: 0, startedBy: 'a test' });
    return rotationId;
  }

  const stored = () =>
    db
      .selectFrom('tenant_key')
      .select(['tenant_id', 'version', 'wrapped_key', 'master_key_id', 'previous_wrapped_key'])
      .orderBy('tenant_id')
      .execute();

  const inUse = async (): Promise<string[]> => {
    const rows = await db
      .selectFrom('master_key')
      .select('key_id')
      .where('replaced_at', 'is', null)
      .execute();
    return rows.map((row) => row.key_id);
  };

  /** Who waits for a turn to change keys. */
  const waiting = async (): Promise<number> => {
    const { rows } = await sql`
      select from pg_locks join pg_database on pg_database.oid = pg_locks.database
      where datname = current_database() and locktype = 'advisory' and objid = ${keyLockId} and not granted`.execute(
      db,
    );
    return rows.length;
  };

  it('is undone where keys do not say yet what wraps them, whether they were wrapped anew or not', async () => {
    await db.updateTable('tenant_key').set({ master_key_id: null }).execute();
    const before = await stored();
    const rotationId = await begun();
    await rewrapping.switchTo(to, rotationId);
    expect(await rewrapping.rewrapPage(to, from)).toBe(100);
    await new TenantKeys(db, masters).of('made-meanwhile');

    await rewrapping.restore({ from, to, rotationId });
    await rotations.end(rotationId, 'restored', 'it was cancelled');
    const after = await stored();
    const unchanged = after.filter((row) => row.tenant_id !== 'made-meanwhile');
    expect(unchanged.map((row) => row.wrapped_key)).toEqual(before.map((row) => row.wrapped_key));
    expect(after.filter((row) => row.master_key_id === to || row.previous_wrapped_key !== null)).toEqual([]);
    expect(await inUse()).toEqual([from]);
    const withoutNew = new TenantKeys(db, new MasterKeys(() => [oldKey]));
    await withoutNew.assertReadable();
    for (const { tenant_id: tenant } of after) expect(await withoutNew.of(tenant)).toHaveLength(1);
    expect(await rotations.find(rotationId)).toMatchObject({ status: 'restored' });
    await rotations.end(rotationId, 'restored', 'asked for once more');
    expect(told).toEqual([
      { event: 'key_rotation_failed', tenant_id: null, subject: rotationId, reason: null },
    ]);
  });

  it('is undone where no process has begun with it', async () => {
    await db.updateTable('tenant_key').set({ master_key_id: null }).execute();
    const before = await stored();
    const rotationId = await begun();
    await rewrapping.restore({ from, to, rotationId });
    await rotations.end(rotationId, 'restored', 'a process does not hold the new key');
    expect(await stored()).toEqual(before);
  });

  it('changes nothing any more when another key has come into use since it was begun', async () => {
    const rotationId = await begun();
    await rewrapping.switchTo(to, rotationId);
    const before = await stored();
    const late = await inKeysTurn(db, async (tx) => {
      const page = rewrapping.rewrapPage(to, from).catch((error: unknown) => error);
      await eventually(waiting, (count) => count === 1);
      // What undoing begins with.
      await tx.updateTable('master_key').set({ replaced_at: new Date() }).where('key_id', '=', to).execute();
      await tx.updateTable('master_key').set({ replaced_at: null }).where('key_id', '=', from).execute();
      return { page };
    });
    expect(await late.page).toMatchObject({ message: 'another master key is in use by now' });
    expect(await stored()).toEqual(before);
  });

  it('comes into use for a rotation that runs, and for none that has ended', async () => {
    const rotationId = await begun();
    await rewrapping.restore({ from, to, rotationId });
    await rotations.end(rotationId, 'restored', 'it was cancelled');
    await expect(rewrapping.switchTo(to, rotationId)).rejects.toThrow('the rotation has ended');
    await expect(rewrapping.restore({ from, to, rotationId })).rejects.toThrow('the rotation has ended');
    expect(await inUse()).toEqual([from]);
  });

  it('ends with the key in use that such an end leaves, or goes on', async () => {
    const rotationId = await begun();
    await expect(rotations.end(rotationId, 'completed', null)).rejects.toThrow(
      'another master key is in use',
    );
    await rewrapping.switchTo(to, rotationId);
    await expect(rotations.end(rotationId, 'restored', 'why')).rejects.toThrow(
      'another master key is in use',
    );
    expect(await rotations.find(rotationId)).toMatchObject({ status: 'running', error: null });
    await rotations.end(rotationId, 'completed', null);
    expect(await rotations.find(rotationId)).toMatchObject({ status: 'completed' });
    await rotations.end(rotationId, 'restored', 'too late');
    expect(await rotations.find(rotationId)).toMatchObject({ status: 'completed', error: null });
  });
});
