import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compiledOnce } from '../../../src/policy/compile-cache';
import { dropLeastUsed } from '../../../src/policy/least-used';
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

  it('are kept while they are used, and what was not for long is dropped when others come', async () => {
    const texts = ['a', 'b', 'c'].map((text) => [{ path: 'policy.rego', text }]);
    const compile = jest.fn(() => Promise.resolve<Uint8Array>(fakeModule()));
    for (const text of texts.slice(0, 2)) await compiledOnce(dir, text, compile);
    const long = new Date(Date.now() - 40 * 24 * 60 * 60 * 1000);
    for (const file of readdirSync(dir)) utimesSync(join(dir, file), long, long);
    await compiledOnce(dir, texts[0]!, compile);
    await compiledOnce(dir, texts[2]!, compile);
    expect(readdirSync(dir)).toHaveLength(2);
    await compiledOnce(dir, texts[0]!, compile);
    expect(compile).toHaveBeenCalledTimes(3);
  });

  it('take no more room than they may, the least used going first', async () => {
    const write = (name: string, daysAgo: number) => {
      writeFileSync(join(dir, name), Buffer.alloc(100));
      const at = new Date(Date.now() - daysAgo * 24 * 60 * 60 * 1000);
      utimesSync(join(dir, name), at, at);
    };
    write('new', 1);
    write('older', 3);
    write('old', 2);
    await dropLeastUsed(dir, { bytes: 250, days: 30 });
    expect(readdirSync(dir).toSorted()).toEqual(['new', 'old']);
  });

  it('may be dropped by several processes at once', async () => {
    for (let n = 0; n < 50; n++) writeFileSync(join(dir, String(n)), Buffer.alloc(100));
    await Promise.all(Array.from({ length: 4 }, () => dropLeastUsed(dir, { bytes: 1000, days: 30 })));
    expect(readdirSync(dir)).toHaveLength(10);
  });
});
