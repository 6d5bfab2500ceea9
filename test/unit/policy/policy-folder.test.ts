import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import type * as Files from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { PolicyCommit, StoredState } from '../../../src/contract/policy-store';
import { bundleDigest, noRules } from '../../../src/policy/bundle';
import type { PolicyBackend } from '../../../src/policy/policy-backend';
import { PolicyChanges } from '../../../src/policy/policy-changes';
import { opaAbsent } from '../../../src/policy/opa-unavailable';
import { PolicyFolder } from '../../../src/policy/policy-folder';

jest.mock('node:fs/promises', () => {
  const actual = jest.requireActual<typeof Files>('node:fs/promises');
  return { ...actual, readdir: jest.fn(actual.readdir) };
});

/** As a folder of another user; the system's own user may read those too. */
function denyReading(denied: (dir: string) => boolean): () => void {
  const { readdir: actual } = jest.requireActual<typeof Files>('node:fs/promises');
  const mock = readdir as unknown as jest.Mock<Promise<unknown>, unknown[]>;
  const asIs = actual as unknown as (...args: unknown[]) => Promise<unknown>;
  mock.mockImplementation(async (...args) => {
    if (denied(String(args[0]))) throw Object.assign(new Error('EACCES'), { code: 'EACCES' });
    return asIs(...args);
  });
  return () => void mock.mockImplementation(asIs);
}

const yaml = (bundle: string, rest = '') => `
tenant_id: acme
policy_bundle: ${bundle}
coverage_calculation: { calculation_method: required_set }
required_detectors: [pii]
${rest}`;

describe('the folder of policies', () => {
  let dir: string;
  beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'policies-'))));
  afterEach(() => rmSync(dir, { recursive: true, force: true }));
  const write = (file: string, text: string): void => {
    mkdirSync(dirname(join(dir, file)), { recursive: true });
    writeFileSync(join(dir, file), text);
  };

  /** Over a store that is in memory, and a compiler that compiles nothing. */
  function folderWith(options: { follows?: boolean; compile?: () => void } = {}) {
    const states = new Map<string, StoredState>();
    const took: string[] = [];
    const refused: string[] = [];
    const compiled: string[] = [];
    const backend: PolicyBackend = {
      kind: 'file',
      read: async (_tenant, bundle) => states.get(bundle) ?? null,
      async commit({ bundle, state, expectedRevision }: PolicyCommit) {
        states.set(bundle, { state, revision: String(Number(expectedRevision ?? 0) + 1) });
        return 'committed';
      },
      news: async () => [],
      document: async () => null,
    };
    const folder = new PolicyFolder({
      dir,
      follows: options.follows ?? true,
      changes: new PolicyChanges(backend, async () => undefined),
      compiler: {
        async compile(candidate) {
          options.compile?.();
          const { policy, sources } = candidate;
          compiled.push(policy.policy_bundle);
          return { policy, digest: bundleDigest(policy, sources), wasm: null, rules: noRules };
        },
      },
      ignored: () => false,
      takenIn: (_tenant, bundle) => {
        const stored = states.get(bundle);
        return stored ? (stored.state.folder_digest ?? '') : null;
      },
      took: (_tenant, bundle, asked, version) => void took.push(`${bundle} ${asked} as ${version}`),
      refused: ({ bundle, problems, postponed }) =>
        void refused.push(`${bundle}${postponed ? ' postponed' : ''}: ${problems[0]!.message}`),
    });
    return { folder, states, took, refused, compiled };
  }

  it('takes in what is new and what has changed, once', async () => {
    const { folder, states, took, compiled } = folderWith();
    write('acme/one/policy.yaml', yaml('one'));
    write('acme/two/policy.yaml', yaml('two', "version: '4.2'"));
    await folder.look();
    await folder.look();
    write('acme/one/policy.yaml', yaml('one', 'rate_limit_per_minute: 5'));
    await folder.look();
    write('acme/one/policy.yaml', yaml('one', "rate_limit_per_minute: 6\nversion: '2.0'"));
    await folder.look();
    expect(took).toEqual(['one 1.0 as 1.0', 'two 4.2 as 4.2', 'one 1.0 as 1.1', 'one 2.0 as 2.0']);
    expect(compiled).toEqual(['one', 'two', 'one', 'one']);
    expect(states.get('one')!.state).toMatchObject({ active: '2.0', versions: { length: 3 } });
  });

  it('refuses what is at fault, tells it once, and again when it is another fault', async () => {
    const { folder, refused, states } = folderWith();
    write('acme/one/policy.yaml', yaml('one'));
    await folder.look();
    write('acme/one/policy.yaml', yaml('one', 'treshold: 1'));
    await folder.look();
    await folder.look();
    expect(folder.refusedOf('acme')).toMatchObject([{ bundle: 'one', problems: [{ file: 'policy.yaml' }] }]);
    expect(folder.refusedOf('globex')).toEqual([]);
    write('acme/one/policy.yaml', yaml('other'));
    await folder.look();
    expect(refused).toEqual([
      'one: Unrecognized key: "treshold"',
      'one: policy_bundle is other, but the folder says one',
    ]);
    expect(states.get('one')!.state).toMatchObject({ active: '1.0', versions: { length: 1 } });
    write('acme/one/policy.yaml', yaml('one'));
    await folder.look();
    expect(folder.refusedOf('acme')).toEqual([]);
  });

  it.each([
    ['a tenant', 'lost+found', '*'],
    ['a bundle', 'acme/closed', 'closed'],
  ])('goes on when the folder of %s cannot be read, and says so', async (_what, closed, bundle) => {
    const { folder, took, refused } = folderWith();
    write('acme/one/policy.yaml', yaml('one'));
    write('acme/closed/policy.yaml', yaml('closed'));
    write('zoo/two/policy.yaml', yaml('two').replace('acme', 'zoo'));
    mkdirSync(join(dir, 'lost+found'));
    const open = denyReading((one) => one === join(dir, closed));
    try {
      await folder.look();
      await folder.look();
      expect(took).toEqual(expect.arrayContaining(['one 1.0 as 1.0', 'two 1.0 as 1.0']));
      expect(refused).toEqual([`${bundle}: EACCES`]);
      expect(folder.refusedOf(closed.split('/')[0]!)).toMatchObject([{ bundle }]);
    } finally {
      open();
    }
    await folder.look();
    expect(took).toContain('closed 1.0 as 1.0');
    expect(folder.refusedOf(closed.split('/')[0]!)).toEqual([]);
  });

  it('tries again what failed for another reason than its files', async () => {
    let absent = true;
    const { folder, took, refused } = folderWith({
      compile: () => {
        if (absent) throw opaAbsent('it is not installed');
      },
    });
    write('acme/one/policy.yaml', yaml('one'));
    await folder.look();
    await folder.look();
    absent = false;
    await folder.look();
    expect(refused).toEqual([expect.stringMatching(/^one postponed: .*there is no working opa/)]);
    expect(took).toEqual(['one 1.0 as 1.0']);
  });

  it('only gives new bundles to a store that does not follow it, and need not be there', async () => {
    const { folder, took, states } = folderWith({ follows: false });
    write('acme/one/policy.yaml', yaml('one'));
    await folder.look();
    write('acme/one/policy.yaml', yaml('one', 'rate_limit_per_minute: 5'));
    write('acme/two/policy.yaml', yaml('two'));
    await folder.look();
    expect(took).toEqual(['one 1.0 as 1.0', 'two 1.0 as 1.0']);
    expect(states.get('one')!.state.active).toBe('1.0');
    rmSync(dir, { recursive: true });
    await folder.look();
    await expect(folderWith().folder.look()).rejects.toThrow('ENOENT');
  });
});
