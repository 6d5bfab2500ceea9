import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { conclave } from '../../support/conclave-command';
import { flags } from '../../support/fake-detectors';
import { System } from '../../support/system';

describe('conclave detector', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start({ parts: ['api'], detectors: ['a'] });
  });
  afterAll(() => system?.stop());

  const run = (...args: string[]) => conclave(['detector', ...args, '--url', system.url]);
  const json = async (...args: string[]) => {
    const { code, stdout } = await run(...args, '--format', 'json');
    return { code, value: JSON.parse(stdout) as unknown };
  };
  const described = (name: string, fields: object = {}): string => {
    const file = path.join(system.dataDir, `${name}.json`);
    writeFileSync(file, JSON.stringify({ name, endpoint: system.detectors.url, ...fields }));
    return file;
  };

  it('lists and shows, as a table or as JSON', async () => {
    const { code, stdout } = await run('list');
    expect(code).toBe(0);
    expect(stdout).toMatch(/name.*version.*traffic.*health/);
    expect(stdout).toMatch(/a.*1\.0.*100 %.*active/);
    expect(await json('list')).toMatchObject({ code: 0, value: [{ name: 'a', source: 'config' }] });
    expect(await json('show', 'a')).toMatchObject({ code: 0, value: { name: 'a', version: '1.0' } });
  });

  it('registers, tests, updates, splits and unregisters', async () => {
    system.detectors.behave('toxicity', flags('toxic', 0.9));
    const file = described('toxicity');
    expect(await json('register', file)).toMatchObject({ code: 0, value: { name: 'toxicity' } });
    expect((await run('register', file)).code).toBe(1);
    expect(await json('test', 'toxicity')).toMatchObject({ code: 0, value: { ok: true, output: 'toxic' } });
    expect(await json('test', 'toxicity', '--content', 'hello')).toMatchObject({ code: 0 });
    const slower = described('toxicity', { timeout_ms: 9000 });
    expect(await json('update', 'toxicity', slower)).toMatchObject({ value: { timeout_ms: 9000 } });
    await run('register', described('toxicity', { version: '2.0' }));
    const canary = () => json('traffic', 'toxicity', '--canary', '2.0');
    expect(await canary()).toMatchObject({ code: 0, value: { versions: { '1.0': 95, '2.0': 5 } } });
    expect(await canary()).toMatchObject({ value: { versions: { '1.0': 75, '2.0': 25 } } });
    expect(await json('traffic', 'toxicity', '1.0=0', '2.0=100')).toMatchObject({
      value: { versions: { '1.0': 0, '2.0': 100 } },
    });
    expect((await run('traffic', 'toxicity', '1.0=7')).code).toBe(1);
    for (const version of ['2.0', '1.0'])
      expect((await run('unregister', `toxicity@${version}`)).code).toBe(0);
    expect((await run('show', 'toxicity')).code).toBe(1);
  });

  it.each([
    ['there is no such file', 'none.yaml', 'there is no such file'],
    ['the file is a whole registry', 'detectors.yaml', 'is a registry file'],
  ])('says so when %s', async (_name, file, message) => {
    const { code, stderr } = await run('register', path.join(system.dataDir, file));
    expect([code, stderr]).toEqual([1, expect.stringContaining(message)]);
  });

  it('says what an address looks like', async () => {
    const { code, stderr } = await conclave(['detector', 'list', '--url', 'localhost:8000']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('write one like http://127.0.0.1:8000')]);
  });

  it('says why a detector is refused, and registers it by force', async () => {
    const file = described('pii-blind');
    const refused = await run('register', file);
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringContaining('a sample that it must flag'),
    ]);
    expect((await run('register', file, '--force')).code).toBe(0);
    expect(await json('test', 'pii-blind')).toMatchObject({ code: 1, value: { ok: false, output: 'clean' } });
  });

  it('has the exit codes of health, of what is not there, of misuse and of no connection', async () => {
    await system.request('POST', '/detectors', {
      name: 'down',
      endpoint: 'http://127.0.0.1:1',
      verify: false,
    });
    const codes = [
      (await run('health', 'down')).code,
      (await run('health', 'nobody')).code,
      (await run('health')).code,
      (await conclave(['detector', 'list', '--url', 'http://127.0.0.1:1'])).code,
    ];
    expect(codes).toEqual([1, 1, 2, 2]);
  });
});
