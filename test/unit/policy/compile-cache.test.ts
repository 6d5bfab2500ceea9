import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compiledOnce } from '../../../src/policy/compile-cache';
import { PolicyCompileError } from '../../../src/policy/problem';
import { fakeModule } from './fake-module';

const sources = [{ path: 'policy.rego', text: 'package orchestration' }];

describe('compiled policies', () => {
  let dir: string;
  beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'compiled-'))));
  afterEach(() => rmSync(dir, { recursive: true }));

  it('are compiled once', async () => {
    const compile = jest.fn(() => Promise.resolve<Uint8Array>(fakeModule()));
    for (let i = 0; i < 2; i++)
      expect(await compiledOnce(dir, sources, compile)).toMatchObject({ rules: { selection: true } });
    expect(compile).toHaveBeenCalledTimes(1);
  });

  it('are refused as their author’s fault where they cannot be loaded', async () => {
    const refused = compiledOnce(dir, sources, () => Promise.resolve(fakeModule({ pages: 200 })));
    await expect(refused).rejects.toThrow(PolicyCompileError);
    await expect(refused).rejects.toThrow(/^policy\.rego: compiles, but cannot be loaded/);
    expect(readdirSync(dir)).toEqual([]);
  });
});
