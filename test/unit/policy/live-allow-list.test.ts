import type { DecidedEntry } from '../../../src/contract/allow-list';
import { LiveAllowList } from '../../../src/policy/live-allow-list';
import { finding } from '../domain/support';

const entry = (overrides: Partial<DecidedEntry> = {}): DecidedEntry => ({
  entryId: 'allow-1',
  tenantId: 'acme',
  bundle: null,
  fingerprint: 'f',
  detector: 'pii',
  label: 'email',
  expiresAt: 5000,
  approvedRevision: 1,
  revokedRevision: null,
  ...overrides,
});

async function listOf(...news: (readonly DecidedEntry[] | Error)[]) {
  const failures: unknown[] = [];
  let at = 1000;
  let clock = 0;
  const list = new LiveAllowList({
    news: async () => {
      const next = news.shift() ?? [];
      if (next instanceof Error) throw next;
      return next;
    },
    onHint: () => undefined,
    failed: (error) => failures.push(error),
    now: () => at,
    clock: () => clock,
  });
  await list.start();
  list.stop();
  const plan = (allow_list = list.stampOf('acme', 'chat')) => ({
    tenant_id: 'acme',
    policy_bundle: 'chat',
    ...(allow_list && { allow_list }),
  });
  const allowed = async (under = plan()) =>
    (await list.allowedBy(under))?.('pii', { ...finding('email', 1), fingerprint: 'f' }) ?? null;
  return {
    list,
    plan,
    allowed,
    failures,
    goTo: (ms: number) => void (at = ms),
    wait: (ms: number) => void (clock += ms),
  };
}

describe('LiveAllowList', () => {
  it('says nothing of a tenant or bundle for which nothing counts', async () => {
    const { list } = await listOf([
      entry({ bundle: 'tickets' }),
      entry({ entryId: 'old', expiresAt: 900, tenantId: 'b' }),
    ]);
    expect(list.stampOf('acme', 'chat')).toBeUndefined();
    expect(list.stampOf('globex', 'chat')).toBeUndefined();
    expect(list.stampOf('b', 'chat')).toBeUndefined();
    expect(list.stampOf('acme', 'tickets')).toEqual({ revision: 1, until: 5000 });
  });

  it('has another stamp after every change of what counts, by decision and by time', async () => {
    const { list, goTo } = await listOf(
      [entry(), entry({ entryId: 'allow-2', approvedRevision: 2, expiresAt: 3000 })],
      [entry({ entryId: 'allow-2', approvedRevision: 2, revokedRevision: 3, expiresAt: 3000 })],
      [entry({ entryId: 'allow-3', approvedRevision: 4, expiresAt: 2000 })],
    );
    expect(list.stampOf('acme', 'chat')).toEqual({ revision: 2, until: 3000 });
    await list.catchUp();
    expect(list.stampOf('acme', 'chat')).toEqual({ revision: 3, until: 5000 });
    await list.catchUp();
    expect(list.stampOf('acme', 'chat')).toEqual({ revision: 4, until: 2000 });
    goTo(2000);
    expect(list.stampOf('acme', 'chat')).toEqual({ revision: 4, until: 5000 });
    goTo(5000);
    expect(list.stampOf('acme', 'chat')).toBeUndefined();
  });

  it('keeps a plan to the list that it was made under, but for what has expired', async () => {
    const { list, plan, allowed, goTo } = await listOf(
      [entry()],
      [entry({ revokedRevision: 2 })],
      [entry({ entryId: 'allow-2', approvedRevision: 3 })],
    );
    const [before, without] = [plan(), { tenant_id: 'acme', policy_bundle: 'chat' }];
    await list.catchUp();
    expect([await allowed(before), await allowed()]).toEqual(['allow-1', null]);
    await list.catchUp();
    expect([await allowed(before), await allowed(), await allowed(without)]).toEqual([
      'allow-1',
      'allow-2',
      null,
    ]);
    goTo(5000);
    expect(await allowed(before)).toBeNull();
  });

  it('reads what it has missed before it judges by a plan of another process', async () => {
    const { plan, allowed } = await listOf([], [entry()]);
    expect(await allowed(plan({ revision: 1, until: 5000 }))).toBe('allow-1');
  });

  it('allows nothing while it cannot read that, and says so once', async () => {
    const gone = new Error('no store');
    const { plan, allowed, failures } = await listOf([entry()], gone, gone, [entry({ revokedRevision: 2 })]);
    const newer = plan({ revision: 2, until: 5000 });
    expect([await allowed(newer), await allowed(newer)]).toEqual([null, null]);
    expect(failures).toEqual([gone]);
    expect(await allowed(plan({ revision: 1, until: 5000 }))).toBe('allow-1');
    expect(await allowed(newer)).toBeNull();
  });

  it('allows nothing in new plans once it could not look for a second, until it can again', async () => {
    const gone = new Error('no store');
    const { list, wait } = await listOf([entry()], gone);
    const stamp = { revision: 1, until: 5000 };
    wait(1000);
    await expect(list.refresh()).rejects.toBe(gone);
    expect(list.stampOf('acme', 'chat')).toEqual(stamp);
    wait(1);
    expect(list.stampOf('acme', 'chat')).toBeUndefined();
    await list.refresh();
    expect(list.stampOf('acme', 'chat')).toEqual(stamp);
  });
});
