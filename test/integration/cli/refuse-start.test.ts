import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { refuseUnsafeSettings, refuseUnsafeStart } from '../../../src/cli/refuse-unsafe-start';
import { settingsSchema } from '../../../src/contract/config';
import { SetupError } from '../../../src/embedded/setup-error';
import { conclave } from '../../support/conclave-command';
import { testServers } from '../../support/system';

let dir: string;
let env: Record<string, string>;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'conclave-refuse-'));
  writeFileSync(path.join(dir, 'settings.yaml'), '');
  env = {
    ORCHESTRATION_CONFIG_PATH: path.join(dir, 'settings.yaml'),
    ORCHESTRATION_DATA_DIR: path.join(dir, 'data'),
  };
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Asserts exit code 1 and a message for people: what is wrong, and what to do. */
async function expectRefusal(part: string, extra: Record<string, string>, problem: RegExp, remedy: RegExp) {
  const { code, stderr } = await conclave(['start', part], { ...env, ...extra });
  expect(code).toBe(1);
  expect(stderr).toMatch(problem);
  expect(/Remedy: (.*)/.exec(stderr)?.[1]).toMatch(remedy);
  expect(stderr).not.toMatch(/\n\s+at /);
}

describe('A start that must not be', () => {
  it('is refused in production without authentication', async () => {
    for (const part of ['api', 'worker']) {
      await expectRefusal(
        part,
        { ORCHESTRATION_ENV: 'production' },
        /does not start with ORCHESTRATION_ENV=production while security\.auth_disabled is true/,
        /ORCHESTRATION_SECURITY__AUTH_DISABLED=false/,
      );
    }
  });

  it('is refused on a host that others can reach', async () => {
    await expectRefusal(
      'api',
      { ORCHESTRATION_SERVICE__HOST: '0.0.0.0' },
      /without authentication it serves this machine only/,
      /service\.host to 127\.0\.0\.1/,
    );
  });

  it.each([
    { service: { environment: 'production' } },
    { service: { environment: 'staging' } },
    ...['0.0.0.0', '::', '192.0.2.1', 'conclave.example', ''].map((host) => ({ service: { host } })),
  ])('is refused with %j', (overrides) => {
    expect(() => refuseUnsafeStart(settingsSchema.parse(overrides), {})).toThrow(SetupError);
  });

  it('is refused with policies that nobody need approve in production [16.2]', () => {
    const settings = settingsSchema.parse({
      service: { environment: 'production' },
      security: { auth_disabled: false },
      policy: { store_type: 'postgres' },
    });
    expect(() => refuseUnsafeSettings(settings)).toThrow(
      /policy\.require_approval must be true in production/,
    );
    const approved = { ...settings, policy: { ...settings.policy, require_approval: true } };
    expect(() => refuseUnsafeSettings(approved)).not.toThrow();
  });

  it.each(['127.0.0.1', '::1', 'localhost'])('is not the one in development on %s', (host) => {
    expect(() => refuseUnsafeStart(settingsSchema.parse({ service: { host } }))).not.toThrow();
  });

  it.each(['APP_ENV', 'NODE_ENV'])('is refused without authentication where %s says production', (name) => {
    const settings = settingsSchema.parse({});
    expect(() => refuseUnsafeStart(settings, { [name]: 'production' })).toThrow(SetupError);
  });

  it('is not the one with authentication, anywhere', () => {
    for (const environment of ['staging', 'production']) {
      const service = { environment, host: '0.0.0.0' };
      const settings = settingsSchema.parse({ service, security: { auth_disabled: false } });
      expect(() => refuseUnsafeStart(settings, { NODE_ENV: 'production' })).not.toThrow();
    }
  });

  it('is refused in production with tokens for developers [A7]', () => {
    const settings = settingsSchema.parse({
      service: { environment: 'production' },
      security: { auth_disabled: false },
      auth: { dev_tokens: true },
    });
    expect(() => refuseUnsafeStart(settings, {})).toThrow(/dev_tokens/);
    const developing = settingsSchema.parse({
      security: { auth_disabled: false },
      auth: { dev_tokens: true },
    });
    expect(() => refuseUnsafeStart(developing, {})).not.toThrow();
    expect(() => refuseUnsafeStart(developing, { APP_ENV: 'production' })).toThrow(/dev_tokens/);
    expect(() => refuseUnsafeStart(developing, { NODE_ENV: 'production' })).toThrow(/dev_tokens/);
  });

  it('is refused when an external server is not named', async () => {
    for (const part of ['api', 'worker']) {
      await expectRefusal(
        part,
        {},
        /runs against servers of its own, which are not named/,
        /ORCHESTRATION_DATABASE_URL and ORCHESTRATION_WORKFLOW__ADDRESS.*npm start/,
      );
    }
    const database = { ORCHESTRATION_DATABASE_URL: testServers().databaseUrl };
    await expectRefusal('api', database, /not named/, /^set ORCHESTRATION_WORKFLOW__ADDRESS, or/);
  });

  it('is refused when an external server does not answer, without its password', async () => {
    const { databaseUrl, temporalAddress } = testServers();
    const gone = { ORCHESTRATION_DATABASE_URL: 'postgres://user:sesame@127.0.0.1:1/x' };
    await expectRefusal(
      'api',
      { ...gone, ORCHESTRATION_WORKFLOW__ADDRESS: temporalAddress },
      /^(?!.*sesame).*PostgreSQL at 127\.0\.0\.1:1 does not let us in/,
      /ORCHESTRATION_DATABASE_URL/,
    );
    await expectRefusal(
      'worker',
      { ORCHESTRATION_DATABASE_URL: databaseUrl, ORCHESTRATION_WORKFLOW__ADDRESS: '127.0.0.1:1' },
      /Temporal at 127\.0\.0\.1:1 does not answer/,
      /ORCHESTRATION_WORKFLOW__ADDRESS/,
    );
  });

  describe('on a port that is taken', () => {
    let holder: Server;
    let port: string;
    beforeAll(async () => {
      holder = createServer();
      await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
      port = String((holder.address() as AddressInfo).port);
    });
    afterAll(() => holder.close());

    it.each([
      ['api', 'ORCHESTRATION_PORT'],
      ['mapper', 'ORCHESTRATION_MAPPER__PORT'],
      ['detectors', 'ORCHESTRATION_REGISTRY__BUILTIN_PORT'],
    ])('is refused for %s, naming who listens there and %s', async (part, variable) => {
      const { databaseUrl, temporalAddress } = testServers();
      const servers = {
        ORCHESTRATION_DATABASE_URL: databaseUrl,
        ORCHESTRATION_WORKFLOW__ADDRESS: temporalAddress,
      };
      await expectRefusal(
        part,
        { ...servers, [variable]: port },
        new RegExp(`needs port ${port}, but process ${process.pid} .*listens there`),
        new RegExp(`kill ${process.pid}.*${variable}=<port>`),
      );
    });
  });

  it('is refused when the data folder cannot be used', async () => {
    writeFileSync(path.join(dir, 'data'), 'a file');
    await expectRefusal('mapper', {}, /The data folder .* cannot be used/, /ORCHESTRATION_DATA_DIR/);
  });

  it('is refused with invalid settings, naming each', async () => {
    const { code, stderr } = await conclave(['start', 'api'], { ...env, ORCHESTRATION_PORT: '70000' });
    expect(code).toBe(1);
    expect(stderr).toContain('ORCHESTRATION_PORT: service.port: ');
  });

  it('is misuse with an unknown part', async () => {
    expect((await conclave(['start', 'everything'], env)).code).toBe(2);
  });
});
