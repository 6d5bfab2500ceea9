import { type Selectable, sql } from 'kysely';
import type { AllowListQuery, DecidedEntry, StoredEntry } from '../contract/allow-list';
import { recordAudit } from './audit-log';
import { asTenant, type Db } from './database';
import { notify, type Notifications } from './notifications';
import { Revisions } from './revisions';
import type { AllowListTable } from './schema';

const lockId = 0x414c4c57;

/** What is noted of a change: who did what in which request. */
export interface EntryChange {
  readonly action: 'propose' | 'approve' | 'revoke';
  readonly by: string;
  readonly requestId: string;
  readonly correlationId: string | null;
}

export interface EntryPage {
  readonly entries: readonly StoredEntry[];
  /** Where the next page begins; null on the last one. */
  readonly next: string | null;
}

interface DecidedRow {
  entry_id: string;
  tenant_id: string;
  policy_bundle: string | null;
  fingerprint: string;
  detector: string;
  label: string;
  expires_at: Date;
  approved_revision: string;
  revoked_revision: string | null;
}

/** Table `allow_list`: entries are never removed, since answers name them. */
export class AllowListEntries {
  readonly #revisions: Revisions<DecidedRow>;

  constructor(
    private readonly db: Db,
    notifications: Pick<Notifications, 'ask'>,
  ) {
    this.#revisions = new Revisions(
      notifications,
      `select entry_id, tenant_id, policy_bundle, fingerprint, detector, label, expires_at, approved_revision,
              revoked_revision, revision
       from allow_list
       where revision > $1
         and ($1 > 0 or expires_at > now()
              or revision in (select max(revision) from allow_list group by tenant_id, policy_bundle))`,
      lockId,
    );
  }

  /**
   * Entries that were approved, or revoked after that, since it was asked last; at first those that have not ended,
   * and the last of each bundle, by which plans tell lists apart.
   */
  async news(): Promise<readonly DecidedEntry[]> {
    const rows = await this.#revisions.news();
    return rows.map((row) => ({
      entryId: row.entry_id,
      tenantId: row.tenant_id,
      bundle: row.policy_bundle,
      fingerprint: row.fingerprint,
      detector: row.detector,
      label: row.label,
      expiresAt: row.expires_at.getTime(),
      approvedRevision: Number(row.approved_revision),
      revokedRevision: row.revoked_revision === null ? null : Number(row.revoked_revision),
    }));
  }

  async find(tenantId: string, entryId: string): Promise<StoredEntry | null> {
    return entryIn(asTenant(this.db, tenantId), tenantId, entryId);
  }

  async count(tenantId: string, query: AllowListQuery, now: Date): Promise<number> {
    const { n } = await matching(asTenant(this.db, tenantId), tenantId, query, now)
      .select((eb) => eb.fn.countAll<string>().as('n'))
      .executeTakeFirstOrThrow();
    return Number(n);
  }

  /** The oldest first. */
  async page(
    tenantId: string,
    query: AllowListQuery,
    now: Date,
    limit: number,
    after: string | null,
  ): Promise<EntryPage> {
    const rows = await matching(asTenant(this.db, tenantId), tenantId, query, now)
      .selectAll()
      .$if(after !== null, (all) => all.where('sequence', '>', after))
      .orderBy('sequence')
      .limit(limit + 1)
      .execute();
    const page = rows.slice(0, limit);
    return { entries: page.map(toEntry), next: rows.length > limit ? page.at(-1)!.sequence : null };
  }

  /**
   * Adds an entry, unless there is one that allows the same and has not ended.
   * @returns that one, or null when it was added
   * @throws what `full` throws when the tenant has so many that have not ended
   */
  async add(
    entry: StoredEntry,
    change: EntryChange,
    now: Date,
    full: (open: number) => void,
  ): Promise<StoredEntry | null> {
    const db = asTenant(this.db, entry.tenant_id);
    return db.transaction().execute(async (tx) => {
      await this.#revisions.takeTurn(tx);
      const open = tx
        .selectFrom('allow_list')
        .where('tenant_id', '=', entry.tenant_id)
        .where('revoked_at', 'is', null)
        .where('expires_at', '>', now);
      const same = await open
        .selectAll()
        .where('fingerprint', '=', entry.fingerprint)
        .where('policy_bundle', 'is not distinct from', entry.policy_bundle)
        .where('detector', '=', entry.detector)
        .where('label', '=', entry.label)
        .executeTakeFirst();
      if (same) return toEntry(same);
      const { n } = await open.select((eb) => eb.fn.countAll<string>().as('n')).executeTakeFirstOrThrow();
      full(Number(n));
      await tx.insertInto('allow_list').values(entry).execute();
      await recordAudit(tx, auditOf(entry, change));
      return null;
    });
  }

  /** @returns the entry as it is then; null when the tenant has none of this id. @throws what `make` throws */
  async change(
    tenantId: string,
    entryId: string,
    change: EntryChange,
    make: (entry: StoredEntry) => StoredEntry,
  ): Promise<StoredEntry | null> {
    const db = asTenant(this.db, tenantId);
    return db.transaction().execute(async (tx) => {
      await this.#revisions.takeTurn(tx);
      const before = await entryIn(tx, tenantId, entryId);
      if (!before) return null;
      const after = make(before);
      if (after === before) return before;
      await store(tx, after, before);
      await recordAudit(tx, auditOf(after, change));
      await notify(tx, { kind: 'allow_list_changed' });
      return after;
    });
  }
}

/** Whoever follows must hear of what counts from now on, and of what no longer does. */
async function store(tx: Db, after: StoredEntry, before: StoredEntry): Promise<void> {
  const isApproval = before.approved_at === null && after.approved_at !== null;
  const isRevocation = before.revoked_at === null && after.revoked_at !== null && before.approved_at !== null;
  const counts = isApproval || isRevocation;
  const revision = counts ? await nextRevision(tx) : null;
  await tx
    .updateTable('allow_list')
    .set({
      approved_at: after.approved_at,
      approved_by: after.approved_by,
      revoked_at: after.revoked_at,
      revoked_by: after.revoked_by,
      ...(counts && { revision }),
      ...(isApproval && { approved_revision: revision }),
      ...(isRevocation && { revoked_revision: revision }),
    })
    .where('entry_id', '=', after.entry_id)
    .execute();
}

async function nextRevision(tx: Db): Promise<string> {
  const { rows } = await sql<{ revision: string }>`select nextval('allow_list_revision') as revision`.execute(
    tx,
  );
  return rows[0]!.revision;
}

async function entryIn(db: Db, tenantId: string, entryId: string): Promise<StoredEntry | null> {
  const row = await db
    .selectFrom('allow_list')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('entry_id', '=', entryId)
    .executeTakeFirst();
  return row ? toEntry(row) : null;
}

function matching(db: Db, tenantId: string, query: AllowListQuery, now: Date) {
  let found = db.selectFrom('allow_list').where('tenant_id', '=', tenantId);
  if (query.fingerprint) found = found.where('fingerprint', '=', query.fingerprint);
  if (query.detector) found = found.where('detector', '=', query.detector);
  if (query.policy_bundle) {
    const bundle = query.policy_bundle;
    found = found.where((eb) => eb.or([eb('policy_bundle', 'is', null), eb('policy_bundle', '=', bundle)]));
  }
  switch (query.status) {
    case 'revoked':
      return found.where('revoked_at', 'is not', null);
    case 'expired':
      return found.where('revoked_at', 'is', null).where('expires_at', '<=', now);
    case 'active':
      return found
        .where('revoked_at', 'is', null)
        .where('expires_at', '>', now)
        .where('approved_at', 'is not', null);
    case 'pending_approval':
      return found
        .where('revoked_at', 'is', null)
        .where('expires_at', '>', now)
        .where('approved_at', 'is', null);
    case undefined:
      return found;
  }
}

function toEntry(row: Selectable<AllowListTable>): StoredEntry {
  return {
    entry_id: row.entry_id,
    tenant_id: row.tenant_id,
    fingerprint: row.fingerprint,
    policy_bundle: row.policy_bundle,
    detector: row.detector,
    label: row.label,
    reason: row.reason,
    created_at: row.created_at.toISOString(),
    created_by: row.created_by,
    expires_at: row.expires_at.toISOString(),
    approved_at: row.approved_at?.toISOString() ?? null,
    approved_by: row.approved_by,
    revoked_at: row.revoked_at?.toISOString() ?? null,
    revoked_by: row.revoked_by,
  };
}

/** Without the reason, which is free text. */
function auditOf(entry: StoredEntry, { action, by, requestId, correlationId }: EntryChange) {
  return {
    tenant_id: entry.tenant_id,
    request_id: requestId,
    kind: 'allow_list_change',
    record: {
      correlation_id: correlationId,
      action,
      by,
      entry_id: entry.entry_id,
      fingerprint: entry.fingerprint,
      policy_bundle: entry.policy_bundle,
      detector: entry.detector,
      label: entry.label,
      expires_at: entry.expires_at,
    },
  };
}
