import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { resolveTool } from '../../../src/embedded/tools';

describe('resolveTool', () => {
  const environment = { ...process.env };
  let folder: string;
  const said: string[] = [];
  const log = (line: string): void => void said.push(line);

  const program = (name: string, output: string): string => {
    const file = path.join(folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, `#!/bin/sh\necho '${output}'\n`);
    chmodSync(file, 0o755);
    return file;
  };

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'conclave-tools-'));
    said.length = 0;
    delete process.env['CONCLAVE_OPA_BIN'];
    delete process.env['CONCLAVE_TEMPORAL_SERVER_BIN'];
    process.env['PATH'] = path.join(folder, 'path');
    jest.spyOn(globalThis, 'fetch').mockRejectedValue(new TypeError('fetch failed'));
  });
  afterEach(() => {
    process.env = { ...environment };
    jest.restoreAllMocks();
    rmSync(folder, { recursive: true });
  });
  const resolve = (): Promise<string> => resolveTool('opa', log, path.join(folder, 'own'));

  it('takes the one that the variable names before any other', async () => {
    const named = program('named/opa', 'Version: 1.3.0');
    program('path/opa', 'Version: 1.22.0');
    process.env['CONCLAVE_OPA_BIN'] = named;
    await expect(resolve()).resolves.toBe(named);
  });

  it('refuses a variable that names something else, whatever else there is', async () => {
    program('path/opa', 'Version: 1.22.0');
    process.env['CONCLAVE_OPA_BIN'] = program('named/opa', 'hello');
    await expect(resolve()).rejects.toMatchObject({ remedy: 'correct CONCLAVE_OPA_BIN or unset it' });
  });

  it('takes a recent enough one from the PATH', async () => {
    const onPath = program('path/opa', 'Version: 1.10.0');
    program('own/opa', 'Version: 1.22.0');
    await expect(resolve()).resolves.toBe(onPath);
  });

  it('passes over an old one on the PATH and says so', async () => {
    program('path/opa', 'Version: 0.64.1');
    const own = program('own/opa', 'Version: 1.22.0');
    await expect(resolve()).resolves.toBe(own);
    expect(said).toEqual([expect.stringContaining('older than the 1.0.0 that is needed')]);
  });

  it('does not use what an earlier version of the project fetched', async () => {
    program('own/opa', 'Version: 1.21.0');
    await expect(resolve()).rejects.toMatchObject({
      problem: expect.stringContaining('there is no Go to build it with'),
      remedy: expect.stringContaining('CONCLAVE_OPA_BIN=/path/to/opa'),
    });
  });

  it('builds with Go what cannot be downloaded, whatever Go calls the program', async () => {
    const go = program('path/go', 'go version');
    const server = String.raw`#!/bin/sh\necho "temporal version 1.29.1"\n`;
    writeFileSync(
      go,
      `#!/bin/sh\n[ "$1" = version ] || { printf '${server}' > "$GOBIN/server"; chmod 755 "$GOBIN/server"; }\n`,
    );
    process.env['PATH'] += `${path.delimiter}/usr/bin${path.delimiter}/bin`;
    const own = path.join(folder, 'own');
    await expect(resolveTool('temporal-server', log, own)).resolves.toBe(path.join(own, 'temporal-server'));
    expect(said).toContainEqual(
      expect.stringContaining('go install go.temporal.io/server/cmd/server@v1.29.1'),
    );
  });

  it('refuses a release whose checksum is not the published one', async () => {
    jest.mocked(fetch).mockImplementation((input) => {
      const url = input as string;
      const file = path.posix.basename(url, '.sha256');
      const body = url.endsWith('.sha256') ? `${'0'.repeat(64)}  ${file}` : '#!/bin/sh\necho hello\n';
      return Promise.resolve(new Response(body));
    });
    await expect(resolve()).rejects.toMatchObject({ problem: expect.stringContaining('wrong checksum') });
  });
});
