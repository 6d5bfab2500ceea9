import type { BreakerForce, BreakerMerge, MergedBreaker, StoredBreaker } from '../../../src/contract/breaker';
import { endpointSchema } from '../../../src/contract/upstream';
import { BreakerSharing, type BreakerStore } from '../../../src/registry/breaker-sharing';
import { Breakers } from '../../../src/registry/breakers';
import { directoryWith } from './support';

const constants = {
  circuit_breaker_failure_threshold: 5,
  circuit_breaker_recovery_timeout_seconds: 60,
  half_open_test_requests: 3,
};
const by: BreakerForce = { action: 'trip', requestId: 'r', correlationId: 'c', tenantId: null };

/** A store that processes share in a test: tells others only when they look, as if every message were lost. */
class SharedStore {
  readonly rows = new Map<string, StoredBreaker & { revision: number }>();
  forced: BreakerForce[] = [];
  merges = 0;
  isAway = false;
  #revision = 0;

  connect(): BreakerStore {
    let seen = 0;
    return {
      changed: async () => {
        this.#assertThere();
        const changed = [...this.rows.values()].filter(({ revision }) => revision > seen);
        seen = this.#revision;
        return changed;
      },
      merge: async (merges, forced) => {
        this.#assertThere();
        this.merges += 1;
        if (forced) this.forced.push(forced);
        return merges.map((merge) => this.#merged(merge));
      },
      remove: async (ids) => ids.forEach((id) => this.rows.delete(id)),
      onChange: () => undefined,
    };
  }

  #merged(merge: BreakerMerge): MergedBreaker {
    const row = this.rows.get(merge.endpoint_id);
    const before = row?.url === merge.url ? row : null;
    const { transitions, ...rest } = merge.after(before);
    const stored = {
      endpoint_id: merge.endpoint_id,
      url: merge.url,
      ...rest,
      transitions: [...(before?.transitions ?? []), ...transitions],
    };
    this.rows.set(merge.endpoint_id, { ...stored, revision: ++this.#revision });
    return { stored, transitions };
  }

  #assertThere(): void {
    if (this.isAway) throw new Error('the store is away');
  }
}

describe('BreakerSharing', () => {
  let store: SharedStore;
  let warnings: string[];
  const running: BreakerSharing[] = [];

  async function start() {
    const directory = directoryWith({
      'a@1.0': endpointSchema.parse({ url: 'http://a', kind: 'detector' }),
      web: endpointSchema.parse({ url: 'http://web', circuit_breaker: { window_type: 'sliding' } }),
    });
    const breakers = new Breakers(directory, constants, Date.now);
    const told: string[] = [];
    const sharing = new BreakerSharing(
      breakers,
      store.connect(),
      (id, { from, to }) => told.push(`${id}: ${from} > ${to}`),
      { warn: (_fields, message) => warnings.push(message) },
    );
    await sharing.start();
    running.push(sharing);
    const call = (outcome: 'success' | 'failure', id = 'a@1.0') => {
      const { admitted, epoch } = breakers.admit(id);
      if (admitted) breakers.record(id, outcome, epoch);
      return admitted;
    };
    return { breakers, sharing, directory, told, call };
  }
  const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms);

  beforeEach(() => {
    jest.useFakeTimers({ now: 1_000_000_000 });
    store = new SharedStore();
    warnings = [];
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((sharing) => sharing.stop()));
    jest.useRealTimers();
  });

  it('counts the failures of all processes together, and all refuse within a second [4.2]', async () => {
    const [a, b] = [await start(), await start()];
    for (let failure = 0; failure < 3; failure++) a.call('failure');
    await pass(1000);
    for (let failure = 0; failure < 2; failure++) b.call('failure');
    expect([a.breakers.stateOf('a@1.0'), b.breakers.stateOf('a@1.0')]).toEqual(['closed', 'open']);
    await pass(1000);
    expect([a.call('success'), b.call('success')]).toEqual([false, false]);
    expect([...a.told, ...b.told]).toEqual(['a@1.0: closed > open']);
  });

  it('knows after a restart what was before', async () => {
    const before = await start();
    for (let failure = 0; failure < 5; failure++) before.call('failure');
    await before.sharing.stop();
    const after = await start();
    expect(after.breakers.describe('a@1.0')).toMatchObject({ state: 'open', counts: { failures: 5 } });
  });

  it('trips at one, and the others refuse within a second; who did it is on record [B6]', async () => {
    const [a, b] = [await start(), await start()];
    expect(await a.sharing.force('web', by)).toBe(true);
    expect(a.breakers.admit('web').admitted).toBe(false);
    await pass(1000);
    expect(b.breakers.admit('web').admitted).toBe(false);
    await b.sharing.force('web', { ...by, action: 'reset' });
    await pass(1000);
    expect(a.breakers.admit('web').admitted).toBe(true);
    expect(store.forced.map(({ action }) => action)).toEqual(['trip', 'reset']);
    expect(await a.sharing.force('unknown', by)).toBe(false);
  });

  it('lets each process try at most once before the others know; after that all count together', async () => {
    const processes = [await start(), await start()];
    for (let failure = 0; failure < 5; failure++) processes[0]!.call('failure');
    await pass(61_000);
    const admitted = () =>
      processes.flatMap(({ breakers }) => [breakers.admit('a@1.0'), breakers.admit('a@1.0')]);
    const first = admitted();
    expect(first.map((trial) => trial.admitted)).toEqual([true, false, true, false]);
    await pass(900);
    // Two trials are known to both: one is left, and each may take it once.
    expect(admitted().filter((trial) => trial.admitted)).toHaveLength(2);
    await pass(900);
    expect(processes.map(({ breakers }) => breakers.describe('a@1.0')?.halfOpenCalls)).toEqual([4, 4]);
    expect(admitted().filter((trial) => trial.admitted)).toHaveLength(0);
  });

  it('brings trials of two processes together, and both close [4.2]', async () => {
    const [a, b] = [await start(), await start()];
    for (let failure = 0; failure < 5; failure++) a.call('failure');
    await pass(61_000);
    expect([a.call('success'), b.call('success')]).toEqual([true, true]);
    await pass(1000);
    expect(a.call('success')).toBe(true);
    await pass(1000);
    expect([a.breakers.stateOf('a@1.0'), b.breakers.stateOf('a@1.0')]).toEqual(['closed', 'closed']);
  });

  it('decides alone while the store is away, and tells when it is back', async () => {
    const [a, b] = [await start(), await start()];
    store.isAway = true;
    for (let failure = 0; failure < 5; failure++) a.call('failure');
    expect(a.call('success')).toBe(false);
    await pass(60_000);
    expect(a.call('success')).toBe(true);
    await pass(1000);
    expect([a.call('success'), warnings.length > 0]).toEqual([true, true]);
    await pass(1000);
    expect(a.call('success')).toBe(true);
    store.isAway = false;
    await pass(2000);
    expect(b.breakers.describe('a@1.0')).toMatchObject({ state: 'closed', counts: { failures: 5 } });
    expect(a.told).toEqual(['a@1.0: closed > open', 'a@1.0: open > half_open', 'a@1.0: half_open > closed']);
  });

  it('asks little of the store: nothing for calls that go well but their number now and then', async () => {
    const { call, breakers } = await start();
    for (let second = 0; second < 10; second++) {
      for (let calls = 0; calls < 100; calls++) call('success');
      await pass(1000);
    }
    await pass(2000);
    expect(store.merges).toBeLessThanOrEqual(6);
    expect(breakers.describe('a@1.0')?.counts.successes).toBe(1000);
    expect(store.rows.get('a@1.0')?.counts.successes).toBe(1000);
  });

  it('keeps few events of many calls while the store is away', async () => {
    const { breakers } = await start();
    store.isAway = true;
    for (let call = 0; call < 500; call++) {
      breakers.record('a@1.0', call % 2 === 0 ? 'failure' : 'success', 0);
      breakers.record('web', 'success', 0);
    }
    const news = breakers.takeNews();
    const applied = news.map(({ after }) => after(null).breaker);
    expect(applied.map(({ state }) => state)).toEqual(['closed', 'closed']);
    expect(applied[1]?.window).toMatchObject([{ successes: 500 }]);
  });

  it('knows the breaker of an upstream that it hears of later than others', async () => {
    const { call } = await start();
    const late = await start();
    late.directory.remove('a@1.0');
    await pass(1000);
    for (let failure = 0; failure < 5; failure++) call('failure');
    await pass(1000);
    late.directory.set('a@1.0', endpointSchema.parse({ url: 'http://a', kind: 'detector' }));
    expect(late.breakers.stateOf('a@1.0')).toBe('open');
  });

  it('removes what belonged to an upstream that is gone', async () => {
    const { call, directory } = await start();
    for (let failure = 0; failure < 5; failure++) call('failure');
    await pass(500);
    expect([...store.rows.keys()]).toEqual(['a@1.0']);
    directory.remove('a@1.0');
    await pass(500);
    expect(store.rows.size).toBe(0);
  });

  it('takes nothing of what is stored of another address', async () => {
    const { call } = await start();
    for (let failure = 0; failure < 5; failure++) call('failure');
    await pass(500);
    const moved = await start();
    moved.directory.set('a@1.0', endpointSchema.parse({ url: 'http://elsewhere', kind: 'detector' }));
    await pass(1000);
    expect(moved.breakers.stateOf('a@1.0')).toBe('closed');
    moved.call('failure');
    await pass(1000);
    expect(store.rows.get('a@1.0')).toMatchObject({ url: 'http://elsewhere', breaker: { failures: 1 } });
  });
});
