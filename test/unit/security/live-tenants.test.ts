import type { TenantRecord } from '../../../src/contract/tenants';
import { newTenant } from '../../../src/domain/tenancy';
import { LiveTenants } from '../../../src/security/live-tenants';

async function liveWith(...changes: TenantRecord[][]) {
  let hint: () => void = () => undefined;
  const failures: unknown[] = [];
  const live = new LiveTenants({
    news: async () => {
      const news = changes.shift();
      if (!news) throw new Error('away');
      return news;
    },
    onHint: (listener) => (hint = listener),
    failed: (error) => failures.push(error),
  });
  await live.start();
  live.stop();
  return { live, hint: () => hint(), failures };
}

const acme = newTenant('acme');

describe('Tenants as a process knows them', () => {
  it('are served while they are active, and those without a record [F.4]', async () => {
    const statuses = ['active', 'inactive', 'suspended', 'pending', 'deleted'] as const;
    const { live } = await liveWith(
      statuses.map((status) => ({ ...acme, tenant_id: `t-${status}`, status })),
    );
    expect(statuses.filter((status) => live.isActive(`t-${status}`))).toEqual(['active']);
    expect(live.isActive('unheard-of')).toBe(true);
    expect(() => live.requireActive('t-active')).not.toThrow();
    expect(() => live.requireActive('t-pending')).toThrow(
      expect.objectContaining({ status: 403, detail: 'tenant_inactive' }),
    );
  });

  it('change with what another process says, and stay as known while the store is away', async () => {
    const { live, failures } = await liveWith([acme], [{ ...acme, status: 'suspended' }]);
    expect(live.isActive('acme')).toBe(true);
    await live.catchUp();
    expect(live.isActive('acme')).toBe(false);
    await live.catchUp();
    expect([live.isActive('acme'), failures.length]).toEqual([false, 1]);
  });

  it('bound what their bundles say, and have quotas only with a record [F.4]', async () => {
    const { live } = await liveWith([{ ...acme, tier: 'basic', rate_limit_per_minute: 10 }]);
    const limitOf = live.bounding((_tenant, bundle) => (bundle === 'small' ? 5 : 1000));
    expect([limitOf('acme', 'small'), limitOf('acme', 'big'), limitOf('other', 'big')]).toEqual([
      5, 10, 1000,
    ]);
    expect([live.quotaOf('acme', 'bundles'), live.quotaOf('other', 'bundles')]).toEqual([5, null]);
  });

  it('have switches only when they have set some', async () => {
    const { live } = await liveWith([acme, { ...acme, tenant_id: 'b', auto_map_results: false }]);
    expect([live.switchesOf('acme'), live.switchesOf('other')]).toEqual([null, null]);
    expect(live.switchesOf('b')).toMatchObject({ auto_map_results: false, allow_async_conversion: null });
  });
});
