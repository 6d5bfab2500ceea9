import { detectorRegistrationSchema } from '../../../src/contract/registration';
import { DetectorRegistry } from '../../../src/registry/registry';

const endpoint = 'http://127.0.0.1:9';
const detector = (name: string, rest: object = {}) =>
  detectorRegistrationSchema.parse({ name, endpoint, ...rest });
const own = (tenant: string) => ({ tenant_scope: 'own', tenant_id: tenant });

describe('DetectorRegistry', () => {
  it('shows a tenant the shared detectors and its own', () => {
    const registry = new DetectorRegistry([
      detector('all'),
      detector('mine', own('acme')),
      detector('yours', own('other')),
    ]);
    const visible = (tenant: string) => registry.visibleTo(tenant).map(({ name }) => name);
    expect(visible('acme')).toEqual(['all', 'mine']);
    expect(visible('other')).toEqual(['all', 'yours']);
    expect(visible('')).toEqual(['all']);
  });

  it("puts a tenant's own detector in the place of the shared one of its name", () => {
    const registry = new DetectorRegistry([
      detector('pii', { version: '3.0' }),
      detector('pii', { version: '1.0', ...own('acme') }),
    ]);
    const versions = (tenant: string) => registry.visibleTo(tenant).map(({ version }) => version);
    expect([versions('acme'), versions('other')]).toEqual([['1.0'], ['3.0']]);
  });

  it('gives the same list as long as the choice of versions is the same', () => {
    const registry = new DetectorRegistry([detector('a'), detector('b')]);
    expect(registry.visibleTo('acme', 'one')).toBe(registry.visibleTo('acme', 'two'));
  });

  describe('of a name with several versions', () => {
    const share = (version: string, percent: number) => ({
      registration: detector('a', { version }),
      percent,
    });
    const chosen = (registry: DetectorRegistry, key: string) => registry.visibleTo('acme', key)[0]!.version;
    const keys = Array.from({ length: 2000 }, (_, index) => `key-${index}`);

    it('shows one, chosen by the key in the declared shares, and the same list for the same choice', () => {
      const registry = new DetectorRegistry([share('1.0', 75), share('2.0', 25), detector('b')]);
      const newer = keys.filter((key) => chosen(registry, key) === '2.0');
      expect(newer.length / keys.length).toBeGreaterThan(0.2);
      expect(newer.length / keys.length).toBeLessThan(0.3);
      expect(registry.visibleTo('acme', newer[0])).toBe(registry.visibleTo('acme', newer[1]));
      expect(registry.visibleTo('acme', newer[0]).map(({ name }) => name)).toEqual(['a', 'b']);
    });

    it('keeps every key on the version that grows', () => {
      const steps = [5, 25, 50, 100].map(
        (percent) => new DetectorRegistry([share('1.9', 100 - percent), share('1.10', percent)]),
      );
      const onNewer = steps.map((step) => new Set(keys.filter((key) => chosen(step, key) === '1.10')));
      for (const [index, before] of onNewer.slice(0, -1).entries()) {
        expect(before.size).toBeGreaterThan(0);
        for (const key of before) expect(onNewer[index + 1]!.has(key)).toBe(true);
      }
      expect(onNewer.at(-1)!.size).toBe(keys.length);
    });

    it('shows the one with the largest share where no key is given, and no version without a share', () => {
      const registry = new DetectorRegistry([share('1.0', 60), share('2.0', 40), share('3.0', 0)]);
      expect(registry.visibleTo('acme')[0]!.version).toBe('1.0');
      expect(keys.some((key) => chosen(registry, key) === '3.0')).toBe(false);
    });

    it('shows the highest where none has a share', () => {
      const registry = new DetectorRegistry([share('1.10', 0), share('1.9', 0)]);
      expect(chosen(registry, 'any')).toBe('1.10');
    });
  });
});
