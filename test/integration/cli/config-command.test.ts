import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { conclave } from '../../support/conclave-command';

let dir: string;
beforeAll(() => (dir = mkdtempSync(path.join(tmpdir(), 'conclave-config-'))));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function settingsFile(text: string): Record<string, string> {
  const file = path.join(dir, 'settings.yaml');
  writeFileSync(file, text);
  return { ORCHESTRATION_CONFIG_PATH: file };
}

describe('conclave config', () => {
  it('finds the settings of the project valid in every environment [2.1] [16.2]', async () => {
    for (const environment of ['development', 'staging', 'production']) {
      const { code, stdout } = await conclave(['config', 'validate'], { ORCHESTRATION_ENV: environment });
      expect([code, stdout]).toEqual([0, 'the configuration is valid\n']);
    }
  });

  it('exits with 1 and names what is valid and yet not safe in production [16.2]', async () => {
    const { code, stdout, stderr } = await conclave(['config', 'validate'], {
      ORCHESTRATION_ENV: 'production',
      ORCHESTRATION_POLICY_STORE_TYPE: 'file',
    });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('  - policy.store_type must be postgres in production\n');
  });

  it('exits with 1 and names every fault with its source [2.1] [F.9]', async () => {
    const env = settingsFile('service: { prot: 1, host: 5 }\n');
    const { code, stdout, stderr } = await conclave(['config', 'validate'], {
      ...env,
      ORCHESTRATION_PORT: 'eighty',
      ORCHESTRATION_NO_SUCH_THING: '1',
    });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('the configuration is invalid:');
    expect(stderr).toContain(`${env['ORCHESTRATION_CONFIG_PATH']}: unknown key service.prot`);
    expect(stderr).toContain(`${env['ORCHESTRATION_CONFIG_PATH']}: service.host: `);
    expect(stderr).toContain('ORCHESTRATION_PORT: service.port: ');
    expect(stderr).toContain('ORCHESTRATION_NO_SUCH_THING: there is no setting no_such_thing');
    expect(stderr).not.toMatch(/eighty|\n\s+at /);
  });

  it('explains a setting with its value and source [F.9]', async () => {
    const env = settingsFile('service: { port: 8123 }\n');
    expect(await conclave(['config', 'explain', 'service.port'], env)).toMatchObject({
      code: 0,
      stdout: `service.port = 8123  (${env['ORCHESTRATION_CONFIG_PATH']})\n`,
    });
    expect((await conclave(['config', 'explain', 'service.port'], { ORCHESTRATION_PORT: '9' })).stdout).toBe(
      'service.port = 9  (ORCHESTRATION_PORT)\n',
    );
    expect((await conclave(['config', 'explain', 'workflow.namespace'])).stdout).toBe(
      'workflow.namespace = "default"  (default)\n',
    );
  });

  it('never shows a secret', async () => {
    const env = { ORCHESTRATION_DATABASE_URL: 'postgres://user:sesame-4711@db/x' };
    for (const key of ['database.url', 'database']) {
      const { code, stdout, stderr } = await conclave(['config', 'explain', key], env);
      expect(code).toBe(0);
      expect(stdout).toContain('********');
      expect(stdout + stderr).not.toContain('sesame');
    }
  });

  it('exits with 1 for a setting that does not exist, with 2 when it is misused', async () => {
    expect(await conclave(['config', 'explain', 'service.prot'])).toMatchObject({
      code: 1,
      stderr: 'there is no setting service.prot\n',
    });
    for (const args of [
      ['config', 'explain'],
      ['config', 'guess'],
      ['no-such-command'],
      ['config', 'validate', '--no-such'],
    ])
      expect((await conclave(args)).code).toBe(2);
  });

  it('prints help and version with exit code 0', async () => {
    expect((await conclave(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    const help = await conclave(['--help']);
    expect(help.code).toBe(0);
    for (const command of ['start', 'setup', 'config', 'policy', 'detector'])
      expect(help.stdout).toContain(command);
  });
});
