import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { explainSetting, loadSettings } from '../../../src/config/load-settings';
import { metricsArePublic } from '../../../src/compose-identity';
import { isOwnMachine } from '../../../src/config/own-machine';
import { unsafeSettings } from '../../../src/config/unsafe-settings';
import { settingsSchema } from '../../../src/contract/config';
import { parseRegistryFile } from '../../../src/registry/registry-file';

const root = path.resolve(__dirname, '..', '..', '..');
const load = (environment: string, variables: Record<string, string> = {}) =>
  loadSettings({
    ORCHESTRATION_CONFIG_PATH: path.join(root, 'config', 'settings.yaml'),
    ORCHESTRATION_ENV: environment,
    ...variables,
  });

describe.each(['development', 'staging', 'production'])('the configuration of %s', (environment) => {
  it.each([
    'security.auth_disabled',
    'registry.path',
    'policy.store_type',
    'policy.store_path',
    'policy.require_approval',
    'policy.decision_timeout_ms',
  ])('says %s in a file of its own [16.2]', (key) => {
    const overlay = path.join(root, 'config', `settings.${environment}.yaml`);
    expect(explainSetting(load(environment), key)?.source).toBe(overlay);
  });

  it('names bundles and a registry that are there and can be read, and is safe [16.2]', () => {
    const { settings } = load(environment);
    expect(settings.service.environment).toBe(environment);
    const registry = readFileSync(path.join(root, settings.registry.path), 'utf8');
    expect(parseRegistryFile(registry)).toMatchObject({ ok: true });
    expect(existsSync(path.join(root, settings.policy.store_path))).toBe(true);
    expect(unsafeSettings(settings)).toEqual([]);
  });
});

it.each([
  ['development', '127.0.0.1', true],
  ['development', '0.0.0.0', false],
  ['staging', '127.0.0.1', false],
] as const)('%s on %s has metrics and CORS open: %s', (environment, host, isOpen) => {
  const settings = settingsSchema.parse({ service: { environment, host } });
  expect([isOwnMachine(settings.service), metricsArePublic(settings)]).toEqual([isOpen, isOpen]);
});

describe('what is not safe', () => {
  const faults = (environment: string, variables: Record<string, string>) =>
    unsafeSettings(load(environment, variables).settings);
  const open = { ORCHESTRATION_SECURITY__AUTH_DISABLED: 'true' };
  const files = { ORCHESTRATION_POLICY_STORE_TYPE: 'file' };
  const unapproved = { ORCHESTRATION_POLICY__REQUIRE_APPROVAL: 'false' };

  it.each([
    [open, 'security.auth_disabled must be false in production'],
    [files, 'policy.store_type must be postgres in production'],
    [unapproved, 'policy.require_approval must be true in production'],
  ])('is named in production: %j [16.2]', (variables, fault) => {
    expect(faults('production', variables)).toEqual([fault]);
  });

  it.each(['staging', 'production'])('is a token of anybody for anybody, in %s', (environment) => {
    const secret = { ORCHESTRATION_JWT_SECRET_KEY: 'a secret of more than thirty-two characters' };
    expect(faults(environment, secret)).toEqual([
      `auth.issuer must be set in ${environment}`,
      `auth.audience must be set in ${environment}`,
    ]);
    const named = { ORCHESTRATION_AUTH__ISSUER: 'us', ORCHESTRATION_AUTH__AUDIENCE: 'conclave' };
    expect(faults(environment, { ...secret, ...named })).toEqual([]);
    const plain = { ...named, ORCHESTRATION_AUTH__JWKS_URL: 'http://issuer.example/keys' };
    expect(faults(environment, plain)).toEqual([`auth.jwks_url must begin with https:// in ${environment}`]);
    expect(faults('development', secret)).toEqual([]);
  });

  it('is all named at once, and depends on the environment [16.2]', () => {
    const all = { ...open, ...files, ...unapproved };
    expect(faults('production', all)).toHaveLength(3);
    expect(faults('staging', all)).toEqual(['security.auth_disabled must be false in staging']);
    expect(faults('development', all)).toEqual([]);
  });
});
