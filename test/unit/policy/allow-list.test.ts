import type { StoredEntry } from '../../../src/contract/allow-list';
import { approved, proposed } from '../../../src/domain/allow-list';
import { AllowLists } from '../../../src/policy/allow-list';

const now = Date.parse('2026-06-01T00:00:00Z');
const proposal = {
  fingerprint: 'f'.repeat(32),
  detector: 'pii',
  label: 'email',
  reason: 'ours',
  expires_at: '2026-07-01T00:00:00Z',
};
const active = approved(
  proposed(proposal, { entryId: 'allow-1', tenantId: 'acme', by: 'ann' }, now),
  'bob',
  now,
);
const carl = { principal: 'carl', requestId: 'r', correlationId: 'c' };

function listsWhere(refresh: () => Promise<void>) {
  let kept: StoredEntry = active;
  const unused = () => Promise.reject(new Error('is not asked'));
  const lists = new AllowLists({
    entries: {
      find: unused,
      count: unused,
      page: unused,
      add: unused,
      change: async (_tenant, _entry, _change, make) => (kept = make(kept)),
    },
    refresh,
    decides: () => true,
    now: () => now,
  });
  return { lists, kept: () => kept };
}

describe('AllowLists', () => {
  it('do not say that an entry is revoked while this process may still go by it; saying it again does', async () => {
    let isGone = true;
    const { lists, kept } = listsWhere(() =>
      isGone ? Promise.reject(new Error('gone')) : Promise.resolve(),
    );
    const revoke = () => lists.revoke('acme', 'allow-1', carl);
    await expect(revoke()).rejects.toMatchObject({ code: 'INTERNAL_ERROR', detail: 'store_or_engine_error' });
    expect(kept()).toMatchObject({ revoked_by: 'carl' });
    isGone = false;
    expect(await revoke()).toMatchObject({ status: 'revoked', revoked_by: 'carl' });
  });
});
