import { putTenantSchema } from '../../../src/contract/tenants';
import {
  changedFields,
  changedTenant,
  newTenant,
  platformFields,
  quotasOf,
} from '../../../src/domain/tenancy';

const free = newTenant('acme');
const put = (fields: object) => putTenantSchema.parse(fields);

describe('A tenant', () => {
  it.each([
    ['free', 2, 3, 2, 2],
    ['basic', 5, 10, 5, 5],
    ['premium', 15, 25, 15, 15],
    ['enterprise', 50, 100, 50, 50],
  ])(
    'of tier %s may use up what the contract says',
    (tier, concurrent_requests, detectors, bundles, api_keys) => {
      const after = changedTenant(free, put({ tier }));
      expect(quotasOf(after)).toEqual({ concurrent_requests, detectors, bundles, api_keys });
    },
  );

  it('may use up what the platform says instead, and the rest of its tier', () => {
    const after = changedTenant(free, put({ tier: 'basic', quotas: { bundles: 9 } }));
    expect(quotasOf(after)).toEqual({ concurrent_requests: 5, detectors: 10, bundles: 9, api_keys: 5 });
    expect(quotasOf(changedTenant(after, put({ tier: 'premium' })))).toMatchObject({
      concurrent_requests: 15,
      bundles: 9,
    });
    expect(changedTenant(after, put({ quotas: null })).quotas).toEqual({});
  });

  it('stays as it is where a change says nothing, also when all that was shown is sent back', () => {
    const one = changedTenant(
      free,
      put({ tier: 'basic', rate_limit_per_minute: 7, callback_hosts: ['a.example'] }),
    );
    expect(changedTenant(one, put({}))).toEqual(one);
    const shown = { ...one, name: 'Acme', quotas: quotasOf(one), created_at: '2026-11-22T00:00:00.000Z' };
    expect(changedTenant(one, put(shown))).toEqual(one);
    expect(changedTenant(one, put({ rate_limit_per_minute: null })).rate_limit_per_minute).toBeNull();
  });

  it.each([
    [{ callback_hosts: ['b.example'], auto_map_results: false, allow_async_conversion: false }, []],
    [{ tier: 'enterprise' }, ['tier']],
    [{ status: 'suspended' }, ['status']],
    [{ quotas: { bundles: 500 } }, ['quotas']],
    [{ rate_limit_per_minute: 1 }, ['rate_limit_per_minute']],
    [{ worker_queue: 'gpu' }, ['worker_queue']],
    // What is the same is no change.
    [{ tier: 'free', status: 'active', quotas: { bundles: 2 } }, []],
  ])('leaves of %j to the platform: %j', (change, forbidden) => {
    expect(platformFields(changedFields(free, changedTenant(free, put(change))))).toEqual(forbidden);
  });

  it.each([
    { name: 'x' },
    { status: 'deleted' },
    { tier: 'gold' },
    { callback_hosts: ['https://a.example/'] },
    { quotas: { bundles: 0 } },
    { quotas: { seats: 1 } },
    { owner: 'ann' },
  ])('is not changed to %j', (change) => {
    expect(putTenantSchema.safeParse(change).success).toBe(false);
  });
});
