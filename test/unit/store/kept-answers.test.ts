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
function world() {
  const happened: string[] = [];
  const db = scriptedDb(
    ({ sql }) => {
      if (sql.startsWith('insert into "kept_answer"')) happened.push('kept');
      return sql.includes('pg_try_advisory_xact_lock') ? [{ locked: true }] : [];
    },
    (how) => happened.push(how),
  );
  const answers = new KeptAnswers(db, keys, 1000, () => Promise.resolve());
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
});
