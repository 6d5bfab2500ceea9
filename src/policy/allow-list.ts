import { randomUUID } from 'node:crypto';
import type { AllowListEntry, AllowListQuery, ProposeEntry, StoredEntry } from '../contract/allow-list';
import type { ChangedBy } from '../contract/changed-by';
import { ConclaveError } from '../contract/errors';
import { approved, isRepeated, proposed, revoked, shown } from '../domain/allow-list';

interface Change {
  readonly action: 'propose' | 'approve' | 'revoke';
  readonly by: string;
  readonly requestId: string;
  readonly correlationId: string | null;
}

export interface AllowListDependencies {
  readonly entries: {
    find(tenantId: string, entryId: string): Promise<StoredEntry | null>;
    count(tenantId: string, query: AllowListQuery, now: Date): Promise<number>;
    page(
      tenantId: string,
      query: AllowListQuery,
      now: Date,
      limit: number,
      after: string | null,
    ): Promise<{ readonly entries: readonly StoredEntry[]; readonly next: string | null }>;
    add(
      entry: StoredEntry,
      change: Change,
      now: Date,
      full: (open: number) => void,
    ): Promise<StoredEntry | null>;
    change(
      tenantId: string,
      entryId: string,
      change: Change,
      make: (entry: StoredEntry) => StoredEntry,
    ): Promise<StoredEntry | null>;
  };
  /** Brings what has changed into force in this process. @throws when it cannot */
  readonly refresh: () => Promise<void>;
  /** Whether there is an active bundle of this name. */
  readonly decides: (tenantId: string, bundle: string) => boolean;
  readonly now: () => number;
}

/** Of a tenant, at a time. */
const maxOpen = 10_000;

/**
 * Allow-lists: findings that somebody has proposed to let go by, and that somebody else has approved
 * (docs/false-positives.md). When a change returns it is in force in this process, and within a second in all others.
 */
export class AllowLists {
  constructor(private readonly deps: AllowListDependencies) {}

  /** @throws ConclaveError 404 `entry_not_found` */
  async get(tenantId: string, entryId: string): Promise<AllowListEntry> {
    return this.#shown(await this.deps.entries.find(tenantId, entryId));
  }

  async page(tenantId: string, query: AllowListQuery, limit: number, after: string | null) {
    const now = new Date(this.deps.now());
    const [{ entries, next }, total] = await Promise.all([
      this.deps.entries.page(tenantId, query, now, limit, after),
      this.deps.entries.count(tenantId, query, now),
    ]);
    return { entries: entries.map((entry) => shown(entry, now.getTime())), next, total };
  }

  /**
   * Saying it again gives what there is.
   * @throws ConclaveError 400 `validation_failed`, `policy_not_found`, `quota_exceeded`, 409 `entry_exists`
   */
  async propose(
    tenantId: string,
    proposal: ProposeEntry,
    by: ChangedBy,
  ): Promise<{ readonly entry: AllowListEntry; readonly isNew: boolean }> {
    const now = this.deps.now();
    const of = { entryId: `allow-${randomUUID()}`, tenantId, by: by.principal };
    const entry = proposed(proposal, of, now);
    const { policy_bundle: bundle } = entry;
    if (bundle !== null && !this.deps.decides(tenantId, bundle)) throw noSuchBundle();
    const before = await this.deps.entries.add(entry, changeOf('propose', by), new Date(now), refuseTooMany);
    if (before) isRepeated(before, entry);
    return { entry: shown(before ?? entry, now), isNew: before === null };
  }

  /** @throws ConclaveError 403 `approver_is_submitter`, 404 `entry_not_found`, 409 `entry_not_approvable` */
  approve(tenantId: string, entryId: string, by: ChangedBy): Promise<AllowListEntry> {
    return this.#change(tenantId, entryId, changeOf('approve', by), approved);
  }

  /** @throws ConclaveError 404 `entry_not_found`, INTERNAL_ERROR when it is not known to be in force */
  revoke(tenantId: string, entryId: string, by: ChangedBy): Promise<AllowListEntry> {
    return this.#change(tenantId, entryId, changeOf('revoke', by), revoked);
  }

  async #change(
    tenantId: string,
    entryId: string,
    change: Change,
    rule: (entry: StoredEntry, by: string, now: number) => StoredEntry,
  ): Promise<AllowListEntry> {
    const make = (entry: StoredEntry): StoredEntry => rule(entry, change.by, this.deps.now());
    const after = await this.deps.entries.change(tenantId, entryId, change, make);
    await this.deps.refresh().catch(() => {
      throw notInForce();
    });
    return this.#shown(after);
  }

  #shown(entry: StoredEntry | null): AllowListEntry {
    if (entry) return shown(entry, this.deps.now());
    throw new ConclaveError('INVALID_REQUEST', 'the tenant has no such entry of its allow-list', {
      status: 404,
      detail: 'entry_not_found',
    });
  }
}

function changeOf(action: Change['action'], { principal: by, requestId, correlationId }: ChangedBy): Change {
  return { action, by, requestId, correlationId };
}

function refuseTooMany(open: number): void {
  if (open < maxOpen) return;
  throw new ConclaveError(
    'INVALID_REQUEST',
    `the tenant has ${maxOpen} entries that have not ended: revoke what is no longer needed`,
    { detail: 'quota_exceeded' },
  );
}

/** Here it may not count yet, for a second at most; a caller who is told so can say it again. */
function notInForce(): ConclaveError {
  return new ConclaveError(
    'INTERNAL_ERROR',
    'the change is kept, but may not be in force yet: the store does not answer; send it again',
    { detail: 'store_or_engine_error' },
  );
}

function noSuchBundle(): ConclaveError {
  const message = 'names no active bundle of the tenant';
  return new ConclaveError('INVALID_REQUEST', `policy_bundle ${message}`, {
    detail: 'policy_not_found',
    fieldErrors: [{ path: 'policy_bundle', message }],
  });
}
