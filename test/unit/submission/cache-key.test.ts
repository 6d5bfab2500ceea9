import { createHash } from 'node:crypto';
import type { Plan } from '../../../src/contract/plan';
import type { Planned } from '../../../src/planning/planner';
import { CacheKeys } from '../../../src/submission/cache-key';
import { planned as detector, planOf } from '../domain/support';
import { plannedWith, requestOf } from './support';

const plan = planOf([detector('a'), detector('b'), detector('spare', { role: 'secondary' })]);
const plannedOf = (overrides: Partial<Plan> = {}): Planned => {
  const changed = { ...plan, ...overrides };
  const digest = createHash('sha256').update(JSON.stringify(changed)).digest('hex');
  return plannedWith({ plan: changed, digest });
};
const withA = (overrides: object) => ({
  detectors: [{ ...plan.detectors[0]!, ...overrides }, ...plan.detectors.slice(1)],
});

describe('The name under which an answer is kept', () => {
  let stamp: string | null;
  let stamped: unknown[][];
  let keys: CacheKeys;
  beforeEach(() => {
    stamp = '';
    stamped = [];
    keys = new CacheKeys(
      { digestKey: async (tenantId) => createHash('sha256').update(tenantId).digest() },
      {
        stamp: (...asked) => {
          stamped.push(asked);
          return stamp;
        },
      },
    );
  });
  const nameOf = (request: object = {}, overrides: Partial<Plan> = {}) =>
    keys.keyFor(requestOf(request), plannedOf(overrides));

  it('is in the namespace of tenant and environment, and tells nothing else', async () => {
    expect(await nameOf()).toMatch(/^acme\/dev\/[\w-]{43}$/);
  });

  it('is the same for the same, in whatever order metadata comes', async () => {
    const metadata = { a: 1, b: { c: [1, 2], d: null } };
    const again = { b: { d: null, c: [1, 2] }, a: 1 };
    expect(await nameOf({ metadata })).toBe(await nameOf({ metadata: again }));
    expect(await nameOf()).toBe(await nameOf());
  });

  it('does not depend on how soon or in which way the answer is wanted', async () => {
    expect(await nameOf({ priority: 'low', processing_mode: 'async' }, { priority: 'low' })).toBe(
      await nameOf(),
    );
  });

  it.each<[string, object, Partial<Plan>]>([
    ['content', { content: 'a text 🙃' }, {}],
    ['content type', { content_type: 'code' }, {}],
    ['metadata', { metadata: { a: 1 } }, {}],
    ['empty metadata', { metadata: {} }, {}],
    ['tenant', {}, { tenant_id: 'other' }],
    ['environment', {}, { environment: 'prod' }],
    ['bundle', {}, { policy_bundle: 'other' }],
    ['version of the bundle', {}, { policy_version: '1.3' }],
    ['text of the policy', {}, { policy_digest: 'e'.repeat(64) }],
    ['set of detectors', {}, { detectors: plan.detectors.slice(1) }],
    ['version of a detector', {}, withA({ version: '1.1' })],
    ['weight of a detector', {}, withA({ priority_weight: 2 })],
    ['spare', {}, { detectors: plan.detectors.slice(0, 2) }],
    ['threshold', {}, { coverage: { ...plan.coverage, threshold: 0.9 } }],
    ['mapping', {}, { mapping: { ...plan.mapping, enabled: false } }],
  ])('is another for another %s [8.1]', async (_what, request, overrides) => {
    expect(await nameOf(request, overrides)).not.toBe(await nameOf());
  });

  it('is another under another generation of bundle or detectors, of which it names all', async () => {
    const before = await nameOf();
    stamp = '1';
    const skipped: Plan['skipped'] = [{ detector: 'excluded', reason: 'excluded_by_request' }];
    expect(await nameOf()).not.toBe(before);
    await nameOf({}, { skipped });
    expect(stamped.at(-1)).toEqual(['acme', 'default', ['a', 'b', 'spare', 'excluded']]);
  });

  it('is none while generations cannot be trusted', async () => {
    stamp = null;
    expect(await nameOf()).toBeNull();
  });

  it('is none for what is critical [8.1] [C.5]', async () => {
    expect(await nameOf({ priority: 'critical' }, { priority: 'critical' })).toBeNull();
  });

  it('cannot be made from a content by who does not have the tenant’s key [C.9]', async () => {
    const before = await nameOf();
    keys = new CacheKeys({ digestKey: async () => Buffer.alloc(32, 9) }, { stamp: () => '' });
    expect(await nameOf()).not.toBe(before);
  });
});
