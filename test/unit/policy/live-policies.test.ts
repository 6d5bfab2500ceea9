import type { BundleHead, ChangedHead } from '../../../src/contract/policy-store';
import type { Bundle } from '../../../src/policy/bundle';
import { noRules } from '../../../src/policy/bundle';
import { LivePolicies } from '../../../src/policy/live-policies';
import { samplePolicy } from './samples';

const head = (digest: string | null): BundleHead => ({
  active:
    digest === null
      ? null
      : {
          version: '1.0',
          checksum: digest,
          rate_limit_per_minute: 7,
          benign_labels: ['clean'],
          activated_at: null,
        },
  latest_version: '1.0',
  latest_status: 'approved',
  versions: 1,
  deleted: false,
  folder_digest: null,
});
const changed = (bundle: string, digest: string | null): ChangedHead => ({
  tenantId: 'acme',
  bundle,
  head: head(digest),
});
const kibibyte = 1024;

async function policiesOf(news: ChangedHead[][], maxBytes = 1024 * kibibyte) {
  const loaded: string[] = [];
  const bundleOf = (digest: string): Bundle => ({
    policy: samplePolicy(),
    digest,
    wasm: new Uint8Array(100 * kibibyte),
    rules: noRules,
  });
  const live = new LivePolicies({
    news: async () => news.shift() ?? [],
    load: async (digest) => {
      loaded.push(digest);
      return digest === 'lost' ? null : bundleOf(digest);
    },
    onHint: () => undefined,
    failed: () => undefined,
    maxBytes,
  });
  await live.start();
  live.stop();
  return { live, loaded };
}

describe('LivePolicies', () => {
  it('holds a thousand bundles by their heads, and as many compiled ones as fit', async () => {
    const names = Array.from({ length: 1000 }, (_, n) => `bundle-${n}`);
    const { live, loaded } = await policiesOf([names.map((name) => changed(name, `digest of ${name}`))]);
    expect([live.actives.length, live.resident]).toEqual([1000, { bundles: 0, bytes: 0 }]);
    expect(loaded).toEqual([]);
    for (const name of names) {
      expect((await live.active('acme', name))?.digest).toBe(`digest of ${name}`);
      expect(live.resident.bytes).toBeLessThanOrEqual(1024 * kibibyte);
    }
    expect(live.resident.bundles).toBe(10);
    // One that is used stays; one that was dropped is loaded again.
    await live.active('acme', 'bundle-999');
    expect(loaded).toHaveLength(1000);
    await live.active('acme', 'bundle-0');
    expect(loaded).toHaveLength(1001);
  });

  it('loads a bundle once for all who ask at a time', async () => {
    const { live, loaded } = await policiesOf([[changed('chat', 'one')]]);
    await Promise.all(Array.from({ length: 50 }, () => live.active('acme', 'chat')));
    expect(loaded).toEqual(['one']);
  });

  it('swaps in one step, and gives what has decided by its digest', async () => {
    const { live } = await policiesOf([[changed('chat', 'one')], [changed('chat', 'two')]]);
    const before = await live.active('acme', 'chat');
    await live.refresh();
    expect((await live.active('acme', 'chat'))?.digest).toBe('two');
    expect(before?.digest).toBe('one');
    expect((await live.byDigest('one'))?.digest).toBe('one');
  });

  it('knows no other tenant’s bundles, and none that nothing decides for', async () => {
    const { live } = await policiesOf([[changed('chat', 'one'), changed('draft', null)]]);
    expect(await live.active('globex', 'chat')).toBeNull();
    expect(await live.active('acme', 'draft')).toBeNull();
    expect(live.headsOf('globex')).toEqual([]);
    expect(live.headsOf('acme').map(({ bundle }) => bundle)).toEqual(['chat', 'draft']);
  });

  it('fails, rather than decide by nothing, when the store has lost a document', async () => {
    const { live } = await policiesOf([[changed('chat', 'lost')]]);
    await expect(live.active('acme', 'chat')).rejects.toThrow('not in the store');
  });

  it('tells once why looks fail, lets what it knows decide, and makes up for them', async () => {
    const told: unknown[] = [];
    const news: (() => ChangedHead[])[] = [() => [changed('chat', 'one')]];
    const down = (): never => {
      throw new Error('the store is down');
    };
    const live = new LivePolicies({
      news: async () => news.shift()?.() ?? [],
      load: async () => null,
      onHint: () => undefined,
      failed: (error) => void told.push((error as Error).message),
      maxBytes: kibibyte,
    });
    await live.start();
    live.stop();
    news.push(down, down, () => [changed('chat', 'two')], down);
    await live.catchUp();
    await live.catchUp();
    expect([told, live.head('acme', 'chat')?.active?.checksum]).toEqual([['the store is down'], 'one']);
    await live.catchUp();
    expect(live.head('acme', 'chat')?.active?.checksum).toBe('two');
    await live.catchUp();
    expect(told).toHaveLength(2);
  });

  it('sees what was committed before it was asked to look, though a look is under way', async () => {
    const { live } = await policiesOf([[], [changed('chat', 'one')], [changed('chat', 'two')]]);
    await Promise.all([live.refresh(), live.refresh()]);
    expect((await live.active('acme', 'chat'))?.digest).toBe('two');
  });
});
