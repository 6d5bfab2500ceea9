import { EventEmitter } from 'node:events';
import { CacheGenerations } from '../../../src/store/cache-generations';
import { scriptedDb } from './scripted-database';

/** Table `cache_generation` and the messages about it. */
function world() {
  const table = new Map<string, number>();
  const audit: unknown[][] = [];
  const messages = new EventEmitter();
  let last = 0;
  let reachable = true;
  let now = 0;
  const db = scriptedDb(({ sql, parameters }) => {
    if (sql.includes('insert into cache_generation')) table.set(parameters[0] as string, ++last);
    if (sql.startsWith('insert into "audit"')) audit.push([...parameters]);
    if (sql.includes('pg_notify')) messages.emit('message', { kind: 'cache_invalidated' });
    return [];
  });
  const ask = async (_query: string, [since]: readonly [number]) => {
    if (!reachable) throw new Error('no store');
    return [...table]
      .filter(([, generation]) => generation > since)
      .map(([scope, generation]) => ({ scope, revision: String(generation) }));
  };
  const notifications = Object.assign(messages, { ask }) as never;
  const replica = () => new CacheGenerations(db, notifications, () => now);
  return {
    replica,
    audit,
    messages,
    reach: (value: boolean) => (reachable = value),
    pass: (ms: number) => (now += ms),
    silently: (scope: string) => table.set(scope, ++last),
  };
}

const change = { requestId: 'r', correlationId: 'c' };
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('Generations', () => {
  it('of a bundle and of detectors change what is stamped, and only that', async () => {
    const { replica } = world();
    const generations = replica();
    await generations.start();
    const stamps = () => [
      generations.stamp('acme', 'default', ['a', 'b']),
      generations.stamp('acme', 'other', ['b', 'c']),
      generations.stamp('other', 'default', ['c']),
    ];
    const before = stamps();
    await generations.invalidate({ tenantId: 'acme', bundle: 'default' }, change);
    const [one, two, three] = stamps();
    expect(one).not.toBe(before[0]);
    await generations.invalidate({ detector: 'b' }, change);
    const after = stamps();
    expect([after[0] === one, after[1] === two, after[2] === three]).toEqual([false, false, true]);
    await generations.invalidate({ detector: 'b' }, change);
    expect(stamps()[0]).not.toBe(after[0]);
    generations.stop();
  });

  it('are heard of by others at once', async () => {
    const { replica } = world();
    const [here, there] = [replica(), replica()];
    await Promise.all([here.start(), there.start()]);
    const before = there.stamp('acme', 'default', ['a']);
    await here.invalidate({ detector: 'a' }, change);
    await settled();
    expect(there.stamp('acme', 'default', ['a'])).not.toBe(before);
    expect(there.stamp('acme', 'default', ['a'])).toBe(here.stamp('acme', 'default', ['a']));
    for (const generations of [here, there]) generations.stop();
  });

  it('are looked for after a lost connection, and from time to time', async () => {
    jest.useFakeTimers();
    try {
      const { replica, messages, silently } = world();
      const generations = replica();
      await generations.start();
      const stamps = [generations.stamp('acme', 'default', ['a'])];
      silently('detector/a');
      messages.emit('reconnected');
      await jest.advanceTimersByTimeAsync(0);
      stamps.push(generations.stamp('acme', 'default', ['a']));
      silently('bundle/acme/default');
      await jest.advanceTimersByTimeAsync(400);
      stamps.push(generations.stamp('acme', 'default', ['a']));
      expect(new Set(stamps).size).toBe(3);
      generations.stop();
    } finally {
      jest.useRealTimers();
    }
  });

  it('are not trusted any more when nobody could look for a second', async () => {
    const { replica, messages, reach, pass } = world();
    const generations = replica();
    expect(generations.stamp('acme', 'default', ['a'])).toBeNull();
    await generations.start();
    reach(false);
    pass(1000);
    messages.emit('reconnected');
    await settled();
    expect(generations.stamp('acme', 'default', ['a'])).not.toBeNull();
    pass(1);
    expect(generations.stamp('acme', 'default', ['a'])).toBeNull();
    reach(true);
    messages.emit('reconnected');
    await settled();
    expect(generations.stamp('acme', 'default', ['a'])).not.toBeNull();
    generations.stop();
  });

  it('change with a record of who is concerned', async () => {
    const { replica, audit } = world();
    const generations = replica();
    await generations.invalidate({ tenantId: 'acme', bundle: 'default' }, change);
    await generations.invalidate({ detector: 'a' }, change);
    expect(audit).toEqual([
      [
        'acme',
        'r',
        'cache_invalidation',
        '{"correlation_id":"c","tenant_id":"acme","policy_bundle":"default"}',
      ],
      ['*', 'r', 'cache_invalidation', '{"correlation_id":"c","detector":"a"}'],
    ]);
  });
});
