import { AnswersInRedis } from '../../../src/store/answers-in-redis';
import { KeptAnswer } from '../../../src/store/cached-answer';
import { KeyRing } from '../../../src/store/key-ring';
import { MasterKeys } from '../../../src/store/master-keys';
import { RedisGuard } from '../../../src/store/redis-guard';
import { ResponseCache } from '../../../src/store/response-cache';
import { FakeDatabase } from './fake-database';

const body = '{"request_id":"r","said":"marker","fallback_used":false,"error_code":null,"timestamp":""}';
const kept = KeptAnswer.of({ status: 200, body: Buffer.from(body) })!;
const key = 'acme/dev/name';

function world(maxEntryBytes = 1000) {
  const values = new Map<string, { value: Buffer; expiration: unknown }>();
  let reachable = true;
  const client = {
    withTypeMapping: () => client,
    ping: () => Promise.resolve('PONG'),
    get: async (name: string) => {
      if (!reachable) throw new Error('connection lost');
      return values.get(name)?.value ?? null;
    },
    set: async (name: string, value: Buffer, { expiration }: { expiration: unknown }) => {
      if (!reachable) throw new Error('connection lost');
      values.set(name, { value, expiration });
    },
  };
  const guard = new RedisGuard(client);
  const keys = new KeyRing(new FakeDatabase().db, new MasterKeys(() => [Buffer.alloc(32, 1)]));
  const redis = { client, guard } as never;
  const answers = new AnswersInRedis(redis, keys, { ttlMs: 5000, maxEntryBytes });
  return { answers, values, guard, lose: () => (reachable = false) };
}

describe('Answers in Redis', () => {
  it('come back as they were, until their lifetime is over', async () => {
    const { answers, values } = world();
    expect(await answers.get(key, 'acme')).toBeNull();
    await answers.put(key, 'acme', kept);
    expect(await answers.get(key, 'acme')).toEqual(kept.answer);
    expect([...values.keys()]).toEqual(['conclave:answer:acme/dev/name']);
    expect(values.get('conclave:answer:acme/dev/name')!.expiration).toEqual({ type: 'PX', value: 5000 });
  });

  it('cannot be read there', async () => {
    const { answers, values } = world();
    await answers.put(key, 'acme', kept);
    const { value } = [...values.values()][0]!;
    for (const text of ['marker', 'request_id', 'pieces']) expect(value.includes(text)).toBe(false);
  });

  it.each<[string, (values: Map<string, { value: Buffer }>) => void]>([
    ['tampered with', (values) => (values.get('conclave:answer:acme/dev/name')!.value[20]! ^= 1)],
    ['cut off', (values) => void (values.get('conclave:answer:acme/dev/name')!.value = Buffer.from('short'))],
    [
      'put under another name',
      (values) => values.set('conclave:answer:acme/dev/name', values.get('conclave:answer:acme/dev/other')!),
    ],
  ])('that were %s are as good as none', async (_how, spoil) => {
    const { answers, values } = world();
    await answers.put(key, 'acme', kept);
    await answers.put('acme/dev/other', 'acme', kept);
    spoil(values);
    expect(await answers.get(key, 'acme')).toBeNull();
  });

  it('are for nobody who has another tenant’s key', async () => {
    const { answers } = world();
    await answers.put(key, 'acme', kept);
    expect(await answers.get(key, 'other')).toBeNull();
  });

  it('are not kept when they are too large', async () => {
    const { answers, values } = world(50);
    await answers.put(key, 'acme', kept);
    expect(values.size).toBe(0);
  });

  it('that cannot be asked for are neither hit nor miss, and cost no request', async () => {
    const { answers, lose, guard } = world();
    const cache = new ResponseCache(answers);
    expect(await cache.lookUp(key, 'acme')).toEqual({ kind: 'miss' });
    await cache.remember(key, 'acme', kept);
    expect(await cache.lookUp(key, 'acme')).toEqual({ kind: 'hit', answer: kept.answer });
    lose();
    for (let i = 0; i < 4; i++) {
      expect(await cache.lookUp(key, 'acme')).toEqual({ kind: 'unavailable' });
      await cache.remember(key, 'acme', kept);
    }
    guard.stop();
  });
});
