import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import { loadRegistry } from '../../../src/registry/registry';

describe('loadRegistry', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'conclave-registry-'));
  const file = path.join(folder, 'detectors.yaml');
  afterAll(() => rmSync(folder, { recursive: true }));

  const endpoint = 'http://127.0.0.1:9';
  function load(...detectors: object[]) {
    writeFileSync(file, stringify({ detectors }));
    return loadRegistry(file, 'http://127.0.0.1:8010');
  }

  it('fills in the defaults of the contract', () => {
    const [registration] = load({ name: 'a', endpoint }).registrations;
    expect(registration).toMatchObject({
      name: 'a',
      version: '1.0',
      protocol: 'detectors-api',
      auth_type: 'none',
      timeout_ms: 5000,
      max_retries: 2,
      health_check_path: '/health',
      priority_weight: 1,
      tenant_scope: 'shared',
      capabilities: { supported_content_types: ['text'], max_content_length: 50_000 },
      score_normalization: { method: 'identity' },
    });
  });

  it('leads builtin endpoints to the builtin service, under their id there', () => {
    const { registrations } = load(
      { name: 'privacy', endpoint: 'builtin:pii' },
      { name: 'other', endpoint: 'builtin:pii', detector_id: 'secrets' },
    );
    expect(registrations.map(({ endpoint: at, detector_id: id }) => [at, id])).toEqual([
      ['http://127.0.0.1:8010', 'pii'],
      ['http://127.0.0.1:8010', 'secrets'],
    ]);
  });

  it('shows a tenant the shared detectors and its own', () => {
    const own = { endpoint, tenant_scope: 'own' };
    const registry = load(
      { name: 'all', endpoint },
      { name: 'mine', tenant_id: 'acme', ...own },
      { name: 'yours', tenant_id: 'other', ...own },
    );
    const visible = (tenant: string) => registry.visibleTo(tenant).map(({ name }) => name);
    expect(visible('acme')).toEqual(['all', 'mine']);
    expect(visible('other')).toEqual(['all', 'yours']);
    expect(visible('')).toEqual(['all']);
  });

  it.each([
    ['an unknown key', { endpoint, speed: 9 }, 'detectors.0'],
    ['another scheme', { endpoint: 'ftp://x' }, 'detectors.0.endpoint'],
    ['a timeout out of bounds', { endpoint, timeout_ms: 99 }, 'detectors.0.timeout_ms'],
    ['too many retries', { endpoint, max_retries: 6 }, 'detectors.0.max_retries'],
    ['http-json without a mapping', { endpoint, protocol: 'http-json' }, 'detectors.0.http'],
    [
      'a scale without extent',
      { endpoint, score_normalization: { method: 'min_max', min: 1, max: 1 } },
      'max must be',
    ],
    ['own without a tenant', { endpoint, tenant_scope: 'own' }, 'detectors.0.tenant_id'],
    ['a tenant on a shared one', { endpoint, tenant_id: 'acme' }, 'detectors.0.tenant_id'],
  ])('refuses %s, with its place', (_name, fault, place) => {
    expect(() => load({ name: 'a', ...fault })).toThrow(place);
  });

  it('names all faults at once', () => {
    const bad = { endpoint: 'x' };
    expect(() => load({ name: 'a', ...bad }, { name: 'b', ...bad })).toThrow(
      /detectors\.0\.endpoint[\s\S]*detectors\.1\.endpoint/,
    );
  });

  it('refuses a name that is registered twice, and detectors that wait for each other', () => {
    expect(() => load({ name: 'a', endpoint }, { name: 'a', endpoint })).toThrow('a is registered twice');
    const cycle = ['a', 'b'].map((name) => ({ name, endpoint, depends_on: [name === 'a' ? 'b' : 'a'] }));
    expect(() => load(...cycle)).toThrow('a -> b -> a');
  });
});
