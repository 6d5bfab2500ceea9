import { hkdfSync, randomBytes } from 'node:crypto';
import { KeyRing, RunKeyDestroyedError } from '../../../src/store/key-ring';
import { masterKeyId, MasterKeyError, MasterKeys } from '../../../src/store/master-keys';
import { seal } from '../../../src/store/sealed-box';
import { TenantKeyDestroyedError } from '../../../src/store/tenant-keys';
import { FakeDatabase } from './fake-database';

const master = randomBytes(32);
const holding = (...keys: Buffer[]): MasterKeys => new MasterKeys(() => keys);

describe('the key ring', () => {
  let store: FakeDatabase;
  let keys: KeyRing;
  beforeEach(() => {
    store = new FakeDatabase();
    keys = new KeyRing(store.db, holding(master));
  });

  /** Another process. */
  const elsewhere = (...masters: Buffer[]): KeyRing => new KeyRing(store.db, holding(...masters));

  /** As Runs.open does it. */
  async function openRun(runId: string, tenantId = 'demo', ring = keys): Promise<Buffer> {
    const { wrapped } = await ring.newRunKey(runId, tenantId);
    store.runKeys.set(runId, { tenant_id: tenantId, wrapped_key: wrapped });
    return (await ring.runKey(runId))!;
  }

  it('gives every process with the master key the same keys', async () => {
    const key = await openRun('run-1');
    const other = elsewhere(master);
    expect(await other.runKey('run-1')).toEqual(key);
    expect(await other.digestKey('demo')).toEqual(await keys.digestKey('demo'));
    expect(await other.serviceKey()).toEqual(await keys.serviceKey());
  });

  it('makes one tenant key, however many processes ask for it at once', async () => {
    const rings = Array.from({ length: 5 }, () => elsewhere(master));
    const made = await Promise.all(rings.map((ring) => ring.digestKey('demo')));
    expect(new Set(made.map((key) => key.toString('hex'))).size).toBe(1);
  });

  it('gives every run and every tenant a key of its own', async () => {
    const all = [
      await openRun('run-1'),
      await openRun('run-2'),
      await openRun('run-3', 'other'),
      await keys.digestKey('demo'),
      await keys.digestKey('other'),
      await keys.serviceKey(),
    ];
    expect(new Set(all.map((key) => key.toString('hex'))).size).toBe(all.length);
    expect(all.every((key) => key.length === 32)).toBe(true);
  });

  it('stores keys only wrapped: no key is in the database', async () => {
    const plain = [await openRun('run-1'), await keys.digestKey('demo'), await keys.serviceKey(), master];
    const stored = Buffer.concat([
      ...store.tenantKeys.map((row) => row.wrapped_key!),
      ...[...store.runKeys.values()].map((row) => row.wrapped_key!),
    ]);
    expect(plain.map((key) => stored.includes(key))).toEqual([false, false, false, false]);
  });

  it('refuses a wrapped key under another master key, for another run, or for another tenant', async () => {
    await openRun('run-1');
    await openRun('run-2');
    await openRun('run-3', 'other');
    const { wrapped_key: foreign } = store.runKeys.get('run-1')!;
    store.runKeys.set('run-2', { tenant_id: 'demo', wrapped_key: foreign });
    store.runKeys.set('run-1', { tenant_id: 'other', wrapped_key: foreign });
    const other = elsewhere(master);
    await expect(other.runKey('run-2')).rejects.toThrow();
    await expect(other.runKey('run-1')).rejects.toThrow();
    await expect(elsewhere(randomBytes(32)).runKey('run-3')).rejects.toThrow(MasterKeyError);
  });

  it('says of a destroyed key that it is destroyed, and of an unknown run that there is none', async () => {
    await openRun('run-1');
    store.runKeys.set('run-1', { tenant_id: 'demo', wrapped_key: null });
    keys.forgetRunKey('run-1');
    await expect(keys.runKey('run-1')).rejects.toThrow(RunKeyDestroyedError);
    await expect(elsewhere(master).runKey('run-1')).rejects.toThrow(RunKeyDestroyedError);
    expect(await keys.runKey('no-such-run')).toBeNull();
  });

  it('does not remember that a run was unknown: its key may come a moment later', async () => {
    expect(await keys.runKey('run-1')).toBeNull();
    const key = await openRun('run-1', 'demo', elsewhere(master));
    expect(await keys.runKey('run-1')).toEqual(key);
  });

  it('unwraps a key once for many payloads', async () => {
    await openRun('run-1');
    const other = elsewhere(master);
    await other.runKey('run-1');
    const before = store.queries;
    await Promise.all(Array.from({ length: 20 }, () => other.runKey('run-1')));
    expect(store.queries).toBe(before);
  });

  it('asks the store once for all that is sealed and opened for a tenant', async () => {
    await keys.digestKey('demo');
    const before = store.queries;
    const sealed = await Promise.all(
      Array.from({ length: 20 }, (_, n) => keys.encryptFor('demo', Buffer.from('a verdict'), `answer/${n}`)),
    );
    await Promise.all(sealed.map((one, n) => keys.decryptFor('demo', one, `answer/${n}`)));
    expect(store.queries).toBe(before);
  });

  it('encrypts for a tenant what only that tenant, in that place, can read', async () => {
    const sealed = await keys.encryptFor('demo', Buffer.from('a verdict'), 'answer/1');
    expect((await keys.decryptFor('demo', sealed, 'answer/1')).toString()).toBe('a verdict');
    await expect(keys.decryptFor('demo', sealed, 'answer/2')).rejects.toThrow();
    await expect(keys.decryptFor('other', sealed, 'answer/1')).rejects.toThrow();
  });

  it('reads what was sealed before keys had versions', async () => {
    const sealed = seal(await keys.digestKey('demo'), Buffer.from('an old verdict'), 'answer/1');
    expect((await keys.decryptFor('demo', sealed, 'answer/1')).toString()).toBe('an old verdict');
    await expect(keys.decryptFor('demo', sealed, 'answer/2')).rejects.toThrow();
  });

  describe('with a second version of a tenant’s key', () => {
    async function addVersion(): Promise<Buffer> {
      const key = randomBytes(32);
      store.tenantKeys.push({
        tenant_id: 'demo',
        version: 2,
        wrapped_key: seal(master, key, 'tenant_key/demo/2'),
        master_key_id: masterKeyId(master),
      });
      return key;
    }

    it('reads what is under the first, and names the second in what it seals', async () => {
      const old = await keys.encryptFor('demo', Buffer.from('old'), 'answer/1');
      await addVersion();
      const other = elsewhere(master);
      expect((await other.decryptFor('demo', old, 'answer/1')).toString()).toBe('old');
      const fresh = await other.encryptFor('demo', Buffer.from('new'), 'answer/2');
      expect([old.readUInt32BE(4), fresh.readUInt32BE(4)]).toEqual([1, 2]);
    });

    it('reads what another process seals under one that it has not heard of', async () => {
      await keys.digestKey('demo');
      await addVersion();
      const fresh = await elsewhere(master).encryptFor('demo', Buffer.from('new'), 'answer/2');
      expect((await keys.decryptFor('demo', fresh, 'answer/2')).toString()).toBe('new');
    });

    it('digests as before: what was found by a digest still is', async () => {
      const before = await keys.digestKey('demo');
      await addVersion();
      expect(await elsewhere(master).digestKey('demo')).toEqual(before);
    });

    it('refuses what names another version than it was sealed under', async () => {
      await addVersion();
      const sealed = await elsewhere(master).encryptFor('demo', Buffer.from('new'), 'answer/2');
      sealed.writeUInt32BE(1, 4);
      await expect(keys.decryptFor('demo', sealed, 'answer/2')).rejects.toThrow();
      sealed.writeUInt32BE(3, 4);
      await expect(keys.decryptFor('demo', sealed, 'answer/2')).rejects.toThrow('no key of version 3');
    });
  });

  it('makes no key for a tenant whose keys were destroyed, and reads nothing of its', async () => {
    const key = await openRun('run-1');
    expect(key).toHaveLength(32);
    for (const row of store.tenantKeys) row.wrapped_key = null;
    const other = elsewhere(master);
    await expect(other.encryptFor('demo', Buffer.from('x'), 'answer/1')).rejects.toThrow(
      TenantKeyDestroyedError,
    );
    await expect(other.runKey('run-1')).rejects.toThrow(RunKeyDestroyedError);
  });

  describe('opened', () => {
    it('has the first of the master keys that it holds wrap, in every process', async () => {
      await keys.open();
      await elsewhere(randomBytes(32), master).open();
      await elsewhere(randomBytes(32), master).digestKey('demo');
      expect(store.tenantKeys.map((row) => row.master_key_id)).toEqual([
        masterKeyId(master),
        masterKeyId(master),
      ]);
    });

    it('finds out under which the keys are that do not say so, and keeps the service key of that time', async () => {
      const key = randomBytes(32);
      store.tenantKeys.push({
        tenant_id: 'demo',
        version: 1,
        wrapped_key: seal(master, key, 'tenant_key/demo'),
        master_key_id: null,
      });
      const ring = elsewhere(randomBytes(32), master);
      await ring.open();
      expect(store.masterKeyInUse).toBe(masterKeyId(master));
      expect(await ring.digestKey('demo')).toEqual(key);
      const derived = Buffer.from(hkdfSync('sha256', master, '', 'conclave/service-payloads', 32));
      expect(await ring.serviceKey()).toEqual(derived);
    });

    it('refuses to go on without the master key that is in use', async () => {
      await keys.open();
      await expect(elsewhere(randomBytes(32)).open()).rejects.toThrow(MasterKeyError);
    });
  });
});
