import { randomBytes } from 'node:crypto';
import { KeyRing, RunKeyDestroyedError } from '../../../src/store/key-ring';
import { FakeDatabase } from './fake-database';

const master = randomBytes(32);

describe('the key ring', () => {
  let store: FakeDatabase;
  let keys: KeyRing;
  beforeEach(() => {
    store = new FakeDatabase();
    keys = new KeyRing(store.db, master);
  });

  /** As Runs.open does it. */
  async function openRun(runId: string, tenantId = 'demo', ring = keys): Promise<Buffer> {
    const { wrapped } = await ring.newRunKey(runId, tenantId);
    store.runKeys.set(runId, { tenant_id: tenantId, wrapped_key: wrapped });
    return (await ring.runKey(runId))!;
  }

  it('gives every process with the master key the same keys', async () => {
    const key = await openRun('run-1');
    const elsewhere = new KeyRing(store.db, master);
    expect(await elsewhere.runKey('run-1')).toEqual(key);
    expect(await elsewhere.tenantKey('demo')).toEqual(await keys.tenantKey('demo'));
    expect(elsewhere.serviceKey).toEqual(keys.serviceKey);
  });

  it('makes one tenant key, however many processes ask for it at once', async () => {
    const rings = Array.from({ length: 5 }, () => new KeyRing(store.db, master));
    const made = await Promise.all(rings.map((ring) => ring.tenantKey('demo')));
    expect(new Set(made.map((key) => key.toString('hex'))).size).toBe(1);
  });

  it('gives every run and every tenant a key of its own', async () => {
    const all = [
      await openRun('run-1'),
      await openRun('run-2'),
      await openRun('run-3', 'other'),
      await keys.tenantKey('demo'),
      await keys.tenantKey('other'),
      keys.serviceKey,
    ];
    expect(new Set(all.map((key) => key.toString('hex'))).size).toBe(all.length);
    expect(all.every((key) => key.length === 32)).toBe(true);
  });

  it('stores keys only wrapped: no key is in the database', async () => {
    const plain = [await openRun('run-1'), await keys.tenantKey('demo'), keys.serviceKey, master];
    const stored = Buffer.concat([
      ...store.tenantKeys.values(),
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
    const elsewhere = new KeyRing(store.db, master);
    await expect(elsewhere.runKey('run-2')).rejects.toThrow();
    await expect(elsewhere.runKey('run-1')).rejects.toThrow();
    await expect(new KeyRing(store.db, randomBytes(32)).runKey('run-3')).rejects.toThrow();
  });

  it('says of a destroyed key that it is destroyed, and of an unknown run that there is none', async () => {
    await openRun('run-1');
    store.runKeys.set('run-1', { tenant_id: 'demo', wrapped_key: null });
    keys.forgetRunKey('run-1');
    await expect(keys.runKey('run-1')).rejects.toThrow(RunKeyDestroyedError);
    await expect(new KeyRing(store.db, master).runKey('run-1')).rejects.toThrow(RunKeyDestroyedError);
    expect(await keys.runKey('no-such-run')).toBeNull();
  });

  it('does not remember that a run was unknown: its key may come a moment later', async () => {
    expect(await keys.runKey('run-1')).toBeNull();
    const elsewhere = new KeyRing(store.db, master);
    const key = await openRun('run-1', 'demo', elsewhere);
    expect(await keys.runKey('run-1')).toEqual(key);
  });

  it('unwraps a key once for many payloads', async () => {
    await openRun('run-1');
    const elsewhere = new KeyRing(store.db, master);
    await elsewhere.runKey('run-1');
    const before = store.queries;
    await Promise.all(Array.from({ length: 20 }, () => elsewhere.runKey('run-1')));
    expect(store.queries).toBe(before);
  });

  it('encrypts for a tenant what only that tenant, in that place, can read', async () => {
    const sealed = await keys.encryptFor('demo', Buffer.from('a verdict'), 'answer/1');
    expect((await keys.decryptFor('demo', sealed, 'answer/1')).toString()).toBe('a verdict');
    await expect(keys.decryptFor('demo', sealed, 'answer/2')).rejects.toThrow();
    await expect(keys.decryptFor('other', sealed, 'answer/1')).rejects.toThrow();
  });
});
