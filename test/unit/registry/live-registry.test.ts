import type { RegistryEntry } from '../../../src/contract/registry-entry';
import { detectorRegistrationSchema } from '../../../src/contract/registration';
import { endpointSchema } from '../../../src/contract/upstream';
import type { DirectoryChange } from '../../../src/registry/directory';
import { LiveRegistry } from '../../../src/registry/live-registry';
import { listedDetector, listedEndpoint } from '../../../src/registry/registry-file';
import { eventually } from '../../support/eventually';
import { registeredByHand } from '../../support/registered-by-hand';

const builtinUrl = 'http://127.0.0.1:8010';

function detectorEntry(name: string, rest: object = {}, over: Partial<RegistryEntry> = {}): RegistryEntry {
  const detector = detectorRegistrationSchema.parse({ name, endpoint: 'http://127.0.0.1:9', ...rest });
  return { ...registeredByHand, ...listedDetector(detector), ...over };
}
const endpointEntry = (config: object, over: Partial<RegistryEntry> = {}): RegistryEntry => ({
  ...registeredByHand,
  ...listedEndpoint(endpointSchema.parse(config)),
  ...over,
});

/** A store that a test writes into, as another process would. */
class FakeStore {
  generation = 0;
  expired = false;
  reads = 0;
  #held = new Map<string, { entry: RegistryEntry; generation: number }>();
  hold: Promise<void> | null = null;

  put(...entries: RegistryEntry[]): void {
    this.generation += 1;
    for (const entry of entries) this.#held.set(entry.endpoint_id, { entry, generation: this.generation });
  }

  remove(id: string): void {
    this.generation += 1;
    this.#held.delete(id);
  }

  async read() {
    this.reads += 1;
    const read = {
      generation: this.generation,
      // As out of the database: other objects each time.
      upstreams: [...this.#held.values()].map((one) => structuredClone(one)),
      unreadable: [],
    };
    await this.hold;
    return read;
  }

  look = () => Promise.resolve({ generation: this.generation, expired: this.expired });
}

async function liveOver(store: FakeStore, expire = () => Promise.resolve()) {
  let hint: () => void = () => undefined;
  const live = new LiveRegistry({
    store,
    builtinUrl,
    onHint: (listener) => (hint = listener),
    expire,
    report: () => undefined,
  });
  const changes: DirectoryChange[] = [];
  live.onChange((change) => void changes.push(change));
  await live.start();
  return { live, changes, hint: () => hint() };
}

const changed = (changes: DirectoryChange[], times: number) =>
  new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      if (changes.length < times) return;
      clearInterval(timer);
      resolve();
    }, 5);
  });

describe('LiveRegistry', () => {
  const started: LiveRegistry[] = [];
  afterEach(() => started.splice(0).forEach((live) => live.stop()));

  it('finds upstreams by id and by name, the highest version that is not disabled [R1] [R2]', async () => {
    const store = new FakeStore();
    store.put(
      detectorEntry('a', { version: '1.9' }),
      detectorEntry('a', { version: '1.10' }),
      detectorEntry('a', { version: '2.0' }, { status: 'disabled' }),
      detectorEntry('a', { version: '9.0', tenant_scope: 'own', tenant_id: 'acme' }),
      endpointEntry({ url: 'https://llm.example', name: 'llm' }),
    );
    const { live } = await liveOver(store);
    started.push(live);
    expect(live.upstreams.map(({ endpoint_id: id }) => id)).toEqual([
      'a@1.10',
      'a@1.9',
      'a@2.0',
      'acme:a@9.0',
      'llm',
    ]);
    expect(live.byId('a@1.9')?.detector?.version).toBe('1.9');
    expect(live.resolve('a')?.endpoint_id).toBe('a@1.10');
    expect(live.resolve('a', '2.0')?.status).toBe('disabled');
    expect(live.resolve('llm')?.config.url).toBe('https://llm.example');
    expect(live.resolve('nobody')).toBeUndefined();
  });

  it('leads builtin endpoints to the builtin service, under their id there', async () => {
    const store = new FakeStore();
    store.put(
      detectorEntry('other', { endpoint: 'builtin:pii', detector_id: 'secrets' }),
      detectorEntry('privacy', { endpoint: 'builtin:pii' }),
    );
    const { live } = await liveOver(store);
    started.push(live);
    expect(live.registrations.map(({ endpoint, detector_id: id }) => [endpoint, id])).toEqual([
      [builtinUrl, 'secrets'],
      [builtinUrl, 'pii'],
    ]);
    expect(live.byId('privacy@1.0')?.config).toMatchObject({ url: builtinUrl, kind: 'detector', timeout: 5 });
  });

  it('lets nobody see a change before all is prepared for it [C3]', async () => {
    const store = new FakeStore();
    const { live, changes, hint } = await liveOver(store);
    started.push(live);
    let prepared = (): void => undefined;
    live.beforeChange(() => new Promise((resolve) => (prepared = resolve)));
    store.put(detectorEntry('a'));
    hint();
    await eventually(
      () => store.reads,
      (reads) => reads === 2,
    );
    expect(live.upstreams).toEqual([]);
    prepared();
    await changed(changes, 2);
    expect(live.byId('a@1.0')).toBeDefined();
  });

  it('takes what another process changed, whole, when it is told [R7]', async () => {
    const store = new FakeStore();
    store.put(detectorEntry('a'), detectorEntry('b'));
    const { live, changes, hint } = await liveOver(store);
    started.push(live);
    store.put(detectorEntry('b', { timeout_ms: 100 }), detectorEntry('c'));
    store.remove('a@1.0');
    hint();
    await changed(changes, 2);
    expect(changes).toEqual([
      { added: ['a@1.0', 'b@1.0'], updated: [], removed: [] },
      { added: ['c@1.0'], updated: ['b@1.0'], removed: ['a@1.0'] },
    ]);
    expect(live.registrations.map(({ name }) => name)).toEqual(['b', 'c']);
  });

  it('finds a change that it was not told of', async () => {
    const store = new FakeStore();
    const { live, changes } = await liveOver(store);
    started.push(live);
    store.put(detectorEntry('late'));
    await changed(changes, 2);
    expect(live.byId('late@1.0')).toBeDefined();
  });

  it('sees what was committed before it was asked to refresh, even while it reads', async () => {
    const store = new FakeStore();
    store.put(detectorEntry('a'));
    const { live } = await liveOver(store);
    started.push(live);
    let open: () => void = () => undefined;
    store.put(detectorEntry('b'));
    store.hold = new Promise((resolve) => (open = resolve));
    const first = live.refresh();
    store.put(detectorEntry('c'));
    const second = live.refresh();
    open();
    await Promise.all([first, second]);
    expect(live.registrations.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
  });

  it('keeps the lists of detectors, by which plans are remembered, when no detector has changed', async () => {
    const store = new FakeStore();
    store.put(detectorEntry('a'));
    const { live } = await liveOver(store);
    started.push(live);
    const before = live.visibleTo('acme');
    const [upstream] = live.upstreams;
    store.put(endpointEntry({ url: 'https://llm.example', name: 'llm' }));
    await live.refresh();
    expect(live.upstreams).toHaveLength(2);
    expect(live.visibleTo('acme')).toBe(before);
    expect(live.upstreams[0]).toBe(upstream);
    store.put(detectorEntry('a', { timeout_ms: 100 }));
    await live.refresh();
    expect(live.visibleTo('acme')).not.toBe(before);
  });

  it('sends no request to what is not active', async () => {
    const store = new FakeStore();
    store.put(detectorEntry('a', {}, { status: 'inactive' }), detectorEntry('b', {}, { status: 'disabled' }));
    const { live } = await liveOver(store);
    started.push(live);
    expect(live.visibleTo('acme')).toEqual([]);
    expect(live.upstreams).toHaveLength(2);
  });

  it('has what has expired removed', async () => {
    const store = new FakeStore();
    store.put(detectorEntry('a', {}, { ttl_seconds: 1 }));
    const { live, changes } = await liveOver(store, () => {
      store.expired = false;
      store.remove('a@1.0');
      return Promise.resolve();
    });
    started.push(live);
    store.expired = true;
    await changed(changes, 2);
    expect(live.upstreams).toEqual([]);
  });
});
