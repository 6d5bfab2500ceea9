import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readRegoSources } from '../../../src/policy/rego-sources';

let root: string;
let bundle: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'rego-sources-'));
  bundle = join(root, 'bundle');
  mkdirSync(join(bundle, 'rules', 'deep'), { recursive: true });
  writeFileSync(join(root, 'secret.rego'), 'package other_tenant');
  writeFileSync(join(bundle, 'rules', 'b.rego'), 'package b');
  writeFileSync(join(bundle, 'rules', 'b_test.rego'), 'package b_test');
  writeFileSync(join(bundle, 'rules', 'deep', 'a.rego'), 'package a');
  writeFileSync(join(bundle, 'rules', 'notes.txt'), 'not Rego');
});
afterEach(() => rmSync(root, { recursive: true }));

const pathsOf = async (...args: Parameters<typeof readRegoSources>) =>
  (await readRegoSources(...args)).map(({ path }) => path);

describe('the Rego of a bundle', () => {
  it('is all .rego files of the folder, without tests', async () => {
    expect(await readRegoSources(bundle, 'rules')).toEqual([
      { path: 'rules/b.rego', text: 'package b' },
      { path: 'rules/deep/a.rego', text: 'package a' },
    ]);
  });

  it('includes tests on demand', async () => {
    expect(await pathsOf(bundle, '.', 'with tests')).toEqual([
      'rules/b.rego',
      'rules/b_test.rego',
      'rules/deep/a.rego',
    ]);
  });

  it('may be a single file', async () => {
    expect(await pathsOf(bundle, 'rules/b.rego')).toEqual(['rules/b.rego']);
  });

  it.each(['../secret.rego', 'rules/../../secret.rego', '..', '/etc', '..\\secret.rego'])(
    'refuses %s, which leads out of the bundle',
    async (path) => {
      await expect(readRegoSources(bundle, path)).rejects.toThrow('leads out of the bundle');
    },
  );

  it('refuses a symbolic link out of the bundle', async () => {
    symlinkSync(join(root, 'secret.rego'), join(bundle, 'link.rego'));
    await expect(readRegoSources(bundle, 'link.rego')).rejects.toThrow('leads out of the bundle');
    await expect(readRegoSources(bundle, '.')).rejects.toThrow(
      'link.rego: is a symbolic link that leads out of the bundle',
    );
  });

  it('follows a symbolic link to a file of the bundle, as mounted configuration has them', async () => {
    symlinkSync(join(bundle, 'rules', 'deep', 'a.rego'), join(bundle, 'rules', 'a-link.rego'));
    expect(await pathsOf(bundle, 'rules')).toContain('rules/a-link.rego');
  });

  it('refuses a path to nothing', async () => {
    await expect(readRegoSources(bundle, 'rulez')).rejects.toThrow('rulez does not exist');
  });

  it('refuses a bundle that is too large', async () => {
    writeFileSync(join(bundle, 'rules', 'c.rego'), `package c\n#${'x'.repeat(1024 * 1024)}`);
    await expect(readRegoSources(bundle, 'rules')).rejects.toThrow('is larger than 1048576 bytes');
  });
});
