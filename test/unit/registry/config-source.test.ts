import { EventEmitter, once } from 'node:events';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import { GatewayError } from '../../../src/contract/errors';
import { ConfigSource, type ConfigSourceDependencies } from '../../../src/registry/config-source';
import type { FileWatchOptions } from '../../../src/registry/file-watch';
import type { Complete } from '../../../src/registry/registrar';
import { eventually } from '../../support/eventually';
import { MemoryStore } from './memory-store';

const endpoint = 'http://127.0.0.1:9';
const cause = { requestId: 'r', correlationId: 'c' };

describe('ConfigSource', () => {
  let folder: string;
  let file: string;
  let store: MemoryStore;
  let refused: string[][];
  const started: ConfigSource[] = [];

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'conclave-config-'));
    file = path.join(folder, 'detectors.yaml');
    store = new MemoryStore();
    refused = [];
  });
  afterEach(() => {
    started.splice(0).forEach((source) => source.stop());
    rmSync(folder, { recursive: true });
  });

  const listing = (...names: string[]) => stringify({ detectors: names.map((name) => ({ name, endpoint })) });
  const write = (...names: string[]) => writeFileSync(file, listing(...names));

  async function source(
    watch?: FileWatchOptions['watch'],
    parts: Partial<ConfigSourceDependencies> = {},
  ): Promise<ConfigSource> {
    const config = new ConfigSource({
      file,
      store,
      complete: (registration) => Promise.resolve(registration),
      introduce: () => Promise.resolve(),
      refresh: () => Promise.resolve(),
      whenCommitted: (task) => task(),
      applied: () => Promise.resolve(),
      refused: (faults) => void refused.push([...faults]),
      newId: () => 'id',
      ...(watch ? { watch } : {}),
      ...parts,
    });
    started.push(config);
    await config.start();
    return config;
  }
  const within2s = { withinMs: 2000, everyMs: 10 };
  const serves = (...names: string[]) =>
    eventually(
      () => store.ids,
      (ids) => ids.join() === names.map((name) => `${name}@1.0`).join(),
      within2s,
    );

  it('brings what the file lists into the registry', async () => {
    write('a', 'b');
    const config = await source();
    expect(store.ids).toEqual(['a@1.0', 'b@1.0']);
    expect(config.status).toMatchObject({
      loaded: true,
      configPath: 'detectors.yaml',
      lastReloadError: null,
      watching: true,
    });
  });

  it('introduces what it lists before that is in the registry', async () => {
    write('a');
    const seen: string[] = [];
    const introduce: ConfigSourceDependencies['introduce'] = async (listed) =>
      void seen.push(`${listed.map(({ endpoint_id: id }) => id).join()} of ${store.ids.join()}`);
    await source(undefined, { introduce });
    expect([seen, store.ids]).toEqual([['a@1.0 of '], ['a@1.0']]);
  });

  it('takes a reload for made when it is committed: one that is undone is made again', async () => {
    write('a');
    const undone: (() => Promise<void>)[] = [];
    const whenCommitted = (task: () => Promise<void>): Promise<void> => {
      if (store.ids.length > 1) undone.push(task);
      return undone.length > 0 ? Promise.resolve() : task();
    };
    const config = await source(undefined, { whenCommitted });
    const { version } = config.status;
    write('a', 'b');
    await config.reload({ requestId: 'r', correlationId: 'c' });
    expect([undone.length, config.status.version, config.file!.entries.length]).toEqual([1, version, 1]);
    await undone[0]!();
    expect([config.status.version === version, config.file!.entries.length]).toEqual([false, 2]);
  });

  it('sees a file that is edited [C3] [18.2]', async () => {
    write('a');
    await source();
    write('a', 'b');
    await serves('a', 'b');
  });

  it('sees a file that is put in its place [C3]', async () => {
    write('a');
    await source();
    writeFileSync(`${file}.new`, listing('b'));
    renameSync(`${file}.new`, file);
    await serves('b');
  });

  it('sees the link of a ConfigMap turn [C3]', async () => {
    for (const [version, name] of [
      ['one', 'a'],
      ['two', 'b'],
    ] as const) {
      mkdirSync(path.join(folder, version));
      writeFileSync(path.join(folder, version, 'detectors.yaml'), listing(name));
    }
    symlinkSync('one', path.join(folder, '..data'));
    symlinkSync(path.join('..data', 'detectors.yaml'), file);
    await source();
    expect(store.ids).toEqual(['a@1.0']);
    symlinkSync('two', path.join(folder, '..data_tmp'));
    renameSync(path.join(folder, '..data_tmp'), path.join(folder, '..data'));
    await serves('b');
  });

  it('reads once what the file system tells of again and again [C10]', async () => {
    write('a');
    let notice: () => void = () => undefined;
    const watcher = Object.assign(new EventEmitter(), { close: () => undefined });
    await source((_folder, listener) => ((notice = listener), watcher) as never);
    let reads = 0;
    const change = store.change;
    store.change = (by, decide) => ((reads += 1), change(by, decide));
    write('a', 'b');
    for (let time = 0; time < 50; time++) notice();
    await serves('a', 'b');
    expect(reads).toBe(1);
  });

  it('goes on by looking when the file system tells of nothing, and says so [C10]', async () => {
    write('a');
    const config = await source(() => {
      throw new Error('ENOSPC: no watches left');
    });
    expect(config.status.watching).toBe(false);
  });

  it('survives the end of its watcher [C10]', async () => {
    write('a');
    const watcher = Object.assign(new EventEmitter(), { close: () => void watcher.emit('closed') });
    const config = await source(() => watcher as never);
    const closed = once(watcher, 'closed');
    watcher.emit('error', new Error('gone'));
    await closed;
    expect(config.status.watching).toBe(false);
  });

  describe('a detector that does not say what it can do', () => {
    let answers: string[];
    let asked: string[];
    let seconds: number;
    let looks: number;
    let updated: string[][];
    let look: () => Promise<void>;
    beforeEach(async () => {
      [answers, asked, updated] = [[], [], []];
      [seconds, looks] = [0, 0];
      const complete: Complete = async (registration) => {
        asked.push(registration.name);
        if (!answers.includes(registration.name)) return registration;
        const said = { max_content_length: 7, origin: 'fetched' } as const;
        return { ...registration, capabilities: { ...registration.capabilities, ...said } };
      };
      let notice: () => void = () => undefined;
      const watcher = Object.assign(new EventEmitter(), { close: () => undefined });
      write('a', 'b');
      await source((_folder, listener) => ((notice = listener), watcher) as never, {
        complete,
        applied: (plan) => Promise.resolve(void updated.push([...plan.updated])),
        now: () => ((looks += 1), new Date(1_800_000_000_000 + seconds * 1000)),
      });
      [asked, updated] = [[], []];
      look = async () => {
        const before = looks;
        notice();
        await eventually(
          () => looks,
          (now) => now > before,
        );
      };
    });
    const lengthOf = (id: string) => store.entries.get(id)!.detector!.capabilities.max_content_length;

    it('is asked again in a minute, until it answers', async () => {
      answers = ['a'];
      await look();
      await look();
      expect(asked).toEqual([]);
      seconds = 61;
      await look();
      await eventually(
        () => updated,
        ([ids]) => ids?.join() === 'a@1.0',
      );
      expect([lengthOf('a@1.0'), lengthOf('b@1.0')]).toEqual([7, 50_000]);
      expect(asked).toEqual(['a', 'b']);
      seconds = 122;
      answers = ['a', 'b'];
      await look();
      await eventually(
        () => lengthOf('b@1.0'),
        (length) => length === 7,
      );
      expect(asked).toEqual(['a', 'b', 'b']);
    });

    it('is left alone when somebody has taken it out meanwhile', async () => {
      store.entries.delete('a@1.0');
      [answers, seconds] = [['a', 'b'], 61];
      await look();
      await eventually(
        () => updated,
        ([ids]) => ids?.join() === 'b@1.0',
      );
      expect([store.ids, asked]).toEqual([['b@1.0'], ['b']]);
    });
  });

  it('leaves everything as it was when the file is bad, and says why [C6]', async () => {
    write('a');
    const config = await source();
    const version = await store.configVersion();
    writeFileSync(file, 'detectors: [{ name: a }]');
    await eventually(
      () => config.status.lastReloadError,
      (error) => error !== null,
      within2s,
    );
    expect(config.status.lastReloadError).toMatch(/detectors\.0\.endpoint: .*line 1/);
    expect(store.ids).toEqual(['a@1.0']);
    expect(await store.configVersion()).toEqual(version);
    expect([refused.length, store.refusals]).toEqual([1, [version]]);
    write('a', 'b');
    await serves('a', 'b');
    expect(config.status.lastReloadError).toBeNull();
  });

  it('starts without a file, or with a bad one, and is healed by a valid one [C7]', async () => {
    const config = await source();
    expect(config.status).toMatchObject({ loaded: false, lastReloadError: 'the file does not exist' });
    await expect(config.sync(cause)).rejects.toMatchObject({ code: 'CONFIG_NOT_LOADED' });
    write('a');
    await serves('a');
    expect(config.loaded).toBe(true);
  });

  it('has versions that rise with the content only [C4]', async () => {
    write('a');
    const config = await source();
    const first = await config.reload(cause);
    expect(first.version).toMatch(/^1-[0-9a-f]{12}$/);
    expect(first.plan).toMatchObject({ added: [], updated: [], removed: [], unchanged: 1 });
    writeFileSync(file, `# the same\n${listing('a')}`);
    expect((await config.reload(cause)).version).toBe(first.version);
    write('b');
    expect((await config.reload(cause)).version).toMatch(/^2-(?!.*first)/);
  });

  it('refuses to reload a bad file with all its faults, and to reload twice at once', async () => {
    write('a');
    const config = await source();
    writeFileSync(file, 'detectors: [{ name: a }, { name: b }]');
    const error = await config.reload(cause).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(GatewayError);
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', status: 422 });
    expect((error as GatewayError).options.details?.['errors']).toHaveLength(2);
    write('c');
    let open: () => void = () => undefined;
    store.held = new Promise((resolve) => (open = resolve));
    const first = config.reload(cause);
    await expect(config.reload(cause)).rejects.toMatchObject({ code: 'RELOAD_IN_PROGRESS', status: 409 });
    open();
    await first;
    expect(store.ids).toEqual(['c@1.0']);
  });

  it('undoes by hand what was done to its entries, and never by itself', async () => {
    write('a', 'b');
    const config = await source();
    store.entries.delete('a@1.0');
    const again = await source();
    expect(store.ids).toEqual(['b@1.0']);
    expect((await again.sync(cause)).plan.added).toEqual(['a@1.0']);
    store.entries.delete('b@1.0');
    expect((await config.reload(cause)).plan.added).toEqual(['b@1.0']);
  });

  it('applies what it could not while the store was away', async () => {
    write('a');
    store.away = true;
    const config = await source();
    expect(config.loaded).toBe(false);
    store.away = false;
    await config.reload(cause);
    expect(store.ids).toEqual(['a@1.0']);
  });

  describe('validate', () => {
    it('judges a document or a file of its folder, and changes nothing [C5]', async () => {
      write('a');
      const config = await source();
      expect(await config.validate({ document: { detectors: [{ name: 'b', endpoint }] } })).toEqual([]);
      expect(await config.validate({ document: 'detectors: [' })).toMatchObject([{ line: 1 }]);
      writeFileSync(path.join(folder, 'next.yaml'), 'detectors: [{ name: a }]');
      expect(await config.validate({ configPath: 'next.yaml' })).toMatchObject([
        { path: 'detectors.0.endpoint', line: 1 },
      ]);
      expect(await config.validate({ configPath: 'none.yaml' })).toMatchObject([
        { message: 'the file does not exist' },
      ]);
      expect(store.ids).toEqual(['a@1.0']);
    });

    it.each(['../elsewhere.yaml', '/etc/passwd', '.', 'link.yaml'])(
      'reads nothing outside of that folder: %s',
      async (configPath) => {
        write('a');
        symlinkSync('/etc/hostname', path.join(folder, 'link.yaml'));
        expect(await (await source()).validate({ configPath })).toBe('outside');
      },
    );
  });
});
