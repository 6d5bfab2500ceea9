import { randomUUID } from 'node:crypto';
import type { StoredEntry } from '../../../src/contract/allow-list';
import { approved, proposed, revoked } from '../../../src/domain/allow-list';
import { AllowListEntries, type EntryChange } from '../../../src/store/allow-list-entries';
import { type Db, openDatabase } from '../../../src/store/database';
import { migrate } from '../../../src/store/migrations';
import { Notifications } from '../../../src/store/notifications';
import { createDatabase, dropDatabase, testServers } from '../../support/system';

const name = `test_${randomUUID().replaceAll('-', '')}`;
let db: Db;
let notifications: Notifications;
let tenant: string;
beforeEach(() => {
  tenant = randomUUID();
});
beforeAll(async () => {
  const url = await createDatabase(testServers().databaseUrl, name);
  await migrate(url);
  db = openDatabase(url, 4);
  notifications = new Notifications(db, url);
  await notifications.listen();
});
afterAll(async () => {
  await notifications?.close();
  await db?.destroy();
  await dropDatabase(testServers().databaseUrl, name);
});

const now = Date.now();
const dayMs = 86_400_000;
const by = (action: EntryChange['action']): EntryChange => ({
  action,
  by: 'ann',
  requestId: randomUUID(),
  correlationId: 'c',
});

/** Proposed and approved two days ago, for so many days. */
async function approvedFor(entries: AllowListEntries, days: number, bundle: string): Promise<StoredEntry> {
  const then = now - 2 * dayMs;
  const entry = proposed(
    {
      fingerprint: randomUUID().replaceAll('-', ''),
      policy_bundle: bundle,
      detector: 'pii',
      label: 'email',
      reason: 'ours',
      expires_at: new Date(then + days * dayMs).toISOString(),
    },
    { entryId: `allow-${randomUUID()}`, tenantId: tenant, by: 'ann' },
    then,
  );
  await entries.add(entry, by('propose'), new Date(then), () => undefined);
  await entries.change(tenant, entry.entry_id, by('approve'), (one) => approved(one, 'bob', then));
  return entry;
}

describe('Entries of allow-lists', () => {
  it('that have ended are not read at the start, but for the last change of each bundle; later changes are, all of them', async () => {
    const entries = new AllowListEntries(db, notifications);
    const over = await approvedFor(entries, 1, 'chat');
    const lastOver = await approvedFor(entries, 1, 'chat');
    const alone = await approvedFor(entries, 1, 'mail');
    const counts = await approvedFor(entries, 30, 'tickets');
    const gone = await approvedFor(entries, 30, 'tickets');
    const revoke = (id: string) =>
      entries.change(tenant, id, by('revoke'), (one) => revoked(one, 'bob', now));
    await revoke(gone.entry_id);

    const started = new AllowListEntries(db, notifications);
    const idsOf = async () =>
      (await started.news())
        .filter(({ tenantId }) => tenantId === tenant)
        .map(({ entryId }) => entryId)
        .toSorted();
    const kept = [lastOver, alone, counts, gone].map(({ entry_id: id }) => id).toSorted();
    expect(await idsOf()).toEqual(kept);
    expect(await idsOf()).toEqual([]);
    await revoke(over.entry_id);
    expect(await idsOf()).toEqual([over.entry_id]);
  });
});
