import { KeptAnswers, type KeptAnswer, type KeyedCall } from '../../../src/store/kept-answers';
import type { KeyRing } from '../../../src/store/key-ring';
import { whenCommitted } from '../../../src/store/one-transaction';
import { scriptedDb } from './scripted-database';

const created: KeptAnswer = { status: 201, headers: {}, body: '{}' };
const keys = {
  encryptFor: (_tenantId: string, bytes: Buffer) => Promise.resolve(bytes),
  decryptFor: (_tenantId: string, bytes: Buffer) => Promise.resolve(bytes),
} as unknown as KeyRing;

function callOf(tenantId: string, key = 'k'): KeyedCall {
  return { tenantId, route: 'POST /detectors', keyHash: Buffer.from(key), fingerprint: Buffer.from('f') };
}

/** Answers over a table in which nothing is kept yet, and in what order things have happened. */
function world(mostAtATime = 4) {
  const happened: string[] = [];
  const db = scriptedDb(
    ({ sql }) => {
      if (sql.startsWith('insert into "kept_answer"')) happened.push('kept');
      return sql.includes('pg_try_advisory_xact_lock') ? [{ locked: true }] : [];
    },
    (how) => happened.push(how),
  );
  const answers = new KeptAnswers(db, keys, 1000, mostAtATime, () => Promise.resolve());
  return { answers, happened };
}

describe('A change under a key', () => {
  it('is seen by its own process when it is committed, and before it is answered [8.2]', async () => {
    const { answers, happened } = world();
    const attempt = await answers.attempt(callOf('acme'), async () => {
      await whenCommitted(() => Promise.resolve(void happened.push('first')));
      await whenCommitted(() => Promise.reject(new Error('the store is away')));
      await whenCommitted(() => Promise.resolve(void happened.push('second')));
      happened.push('changed');
      return created;
    });
    expect(attempt).toEqual({ outcome: 'done' });
    expect(happened).toEqual(['changed', 'kept', 'commit', 'first', 'second']);
  });

  it('that is answered with an error is undone, and nobody has seen it [8.2]', async () => {
    const { answers, happened } = world();
    const attempt = await answers.attempt(callOf('acme'), async () => {
      await whenCommitted(() => Promise.resolve(void happened.push('seen')));
      return null;
    });
    expect(attempt).toEqual({ outcome: 'done' });
    expect(happened).toEqual(['rollback']);
  });

  it('waits for no other tenant’s: each has two at a time, and there are connections left [8.2]', async () => {
    const { answers } = world(3);
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    const slow = (tenantId: string, key: string) =>
      answers.attempt(callOf(tenantId, key), () => released.then(() => created));
    const quick = (tenantId: string) => answers.attempt(callOf(tenantId), () => Promise.resolve(created));
    const held = [slow('acme', 'one'), slow('acme', 'two')];
    expect([await quick('acme'), await quick('demo')]).toEqual([{ outcome: 'full' }, { outcome: 'done' }]);
    held.push(slow('demo', 'three'));
    expect(await quick('other')).toEqual({ outcome: 'full' });
    release();
    expect(await Promise.all(held)).toEqual([{ outcome: 'done' }, { outcome: 'done' }, { outcome: 'done' }]);
    expect(await quick('acme')).toEqual({ outcome: 'done' });
  });
});
