import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { link } from 'node:fs/promises';
import type * as Files from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BundleState, PolicyCommit } from '../../../src/contract/policy-store';
import { headOf } from '../../../src/domain/policy-lifecycle';
import { PolicyFiles } from '../../../src/policy/policy-files';
import { stateOf } from './samples';

jest.mock('node:fs/promises', () => {
  const actual = jest.requireActual<typeof Files>('node:fs/promises');
  return { ...actual, link: jest.fn(actual.link) };
});

describe('policies as files', () => {
  let dir: string;
  let unreadable: string[];
  let files: PolicyFiles;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'policy-files-'));
    unreadable = [];
    files = new PolicyFiles(
      dir,
      async (_change, write) => write(),
      (tenant, bundle) => void unreadable.push(`${tenant}/${bundle}`),
    );
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  const changeOf = (state: BundleState, expectedRevision: string | null = null): PolicyCommit => ({
    tenantId: state.tenant_id,
    bundle: state.policy_bundle,
    expectedRevision,
    state,
    head: headOf(state),
    documents: [],
    requestId: 'r',
    record: {},
  });
  const fileOf = (bundle: string, revision: number) =>
    join(dir, 'states', 'acme', bundle, `${String(revision).padStart(10, '0')}.json`);
  const newsOf = async () => (await files.news()).map(({ bundle }) => bundle).toSorted();

  it('tells of the bundles that can be read, and of the others that they cannot', async () => {
    for (const bundle of ['a', 'b', 'c']) await files.commit(changeOf(stateOf(bundle)));
    writeFileSync(fileOf('b', 1), '{');
    writeFileSync(join(dir, 'states', 'no-folder'), '');
    expect(await newsOf()).toEqual(['a', 'c']);
    expect(unreadable.toSorted()).toEqual(['acme/b', 'no-folder/null']);
    // It was not taken for known.
    rmSync(fileOf('b', 1));
    await files.commit(changeOf(stateOf('b')));
    expect(await newsOf()).toEqual(['b']);
  });

  it('gives no state of another bundle', async () => {
    mkdirSync(join(dir, 'states', 'acme', 'Chat'), { recursive: true });
    writeFileSync(fileOf('Chat', 1), JSON.stringify(stateOf('chat')));
    await expect(files.read('acme', 'Chat')).rejects.toThrow('holds the bundle acme/chat');
    expect([await newsOf(), unreadable]).toEqual([[], ['acme/Chat']]);
  });

  it('lets no change that came too late replace a document', async () => {
    const withDocument = (text: string) => ({
      ...changeOf(stateOf('chat')),
      documents: [{ digest: 'digest', version: '1.0', document: Buffer.from(text) }],
    });
    expect(await files.commit(withDocument('first'))).toBe('committed');
    expect(await files.commit(withDocument('second'))).toBe('stale');
    expect(readFileSync(join(dir, 'documents', 'digest'), 'utf8')).toBe('first');
    const other = { ...withDocument('third'), tenantId: 'globex' };
    writeFileSync(join(dir, 'documents', 'digest'), 'of a change that came to nothing');
    expect(await files.commit(other)).toBe('committed');
    expect(readFileSync(join(dir, 'documents', 'digest'), 'utf8')).toBe('third');
  });

  it('refuses a bundle beyond what the tenant may have, not counting those that were deleted [F.4]', async () => {
    const add = (bundle: string) => files.commit({ ...changeOf(stateOf(bundle)), maxBundles: 2 });
    expect([await add('a'), await add('b'), await add('c')]).toEqual(['committed', 'committed', 'full']);
    await files.commit(changeOf({ ...stateOf('a'), deleted_at: '2026-11-22T10:00:00.000Z' }, '1'));
    expect(await add('c')).toBe('committed');
    expect(await newsOf()).toEqual(['a', 'b', 'c']);
  });

  it('takes no revision a second time, though it was dropped meanwhile', async () => {
    expect(await files.commit(changeOf(stateOf('chat')))).toBe('committed');
    const { link: actual } = jest.requireActual<typeof Files>('node:fs/promises');
    jest.mocked(link).mockImplementationOnce(async (from, to) => {
      // Twenty-one others are faster, and drop what comes before the last twenty.
      writeFileSync(fileOf('chat', 22), JSON.stringify(stateOf('chat')));
      await actual(from, to);
    });
    expect(await files.commit(changeOf(stateOf('chat'), '1'))).toBe('stale');
    expect(existsSync(fileOf('chat', 2))).toBe(false);
    expect((await files.read('acme', 'chat'))?.revision).toBe('22');
  });
});
