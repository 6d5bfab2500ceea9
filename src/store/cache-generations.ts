import { sql } from 'kysely';
import { everyTenant, recordAudit } from './audit-log';
import type { Db } from './database';
import { hear, notify, type Notifications } from './notifications';
import { whenCommitted } from './one-transaction';
import { Revisions } from './revisions';

/** What a change makes worthless: a tenant's answers under a bundle, or all that a detector had a part in. */
export type CacheTarget =
  { readonly tenantId: string; readonly bundle: string } | { readonly detector: string };

/** An invalidation as the audit log keeps it. */
export interface CacheChange {
  readonly requestId: string;
  readonly correlationId: string;
}

const refreshMs = 400;
/** The time in which an invalidation must have reached everybody (spec/orchestration.md 6). */
const trustedMs = 1000;
const lockId = 0x43414348;

/**
 * Table `cache_generation`: a number for every bundle and detector that was ever invalidated. It is part of the cache's
 * keys, so whatever was stored, or is still being computed, under an older number is never found again. Replicas hear
 * of new numbers by NOTIFY, and look for themselves besides; one that could not look for a second does without the cache.
 */
export class CacheGenerations {
  readonly #generations = new Map<string, number>();
  readonly #revisions: Revisions<{ readonly scope: string }>;
  #confirmedAt = -Infinity;
  #timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly db: Db,
    private readonly notifications: Pick<Notifications, 'on' | 'ask'>,
    private readonly now: () => number = () => performance.now(),
    /** Told of every invalidation. */
    private readonly told: (target: CacheTarget) => void = () => undefined,
  ) {
    this.#revisions = new Revisions(
      notifications,
      'select scope, generation as revision from cache_generation where generation > $1',
      lockId,
    );
  }

  async start(): Promise<void> {
    await this.#refresh();
    hear(this.notifications, 'cache_invalidated', () => void this.#look());
    this.#timer = setInterval(() => void this.#look(), refreshMs).unref();
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** @returns what of a key follows from the generations; null while they may be older than a second */
  stamp(tenantId: string, bundle: string, detectors: readonly string[]): string | null {
    if (this.now() - this.#confirmedAt > trustedMs) return null;
    if (this.#generations.size === 0) return '';
    const scopes = [scopeOf({ tenantId, bundle }), ...detectors.map((detector) => scopeOf({ detector }))];
    return scopes.map((scope) => this.#generations.get(scope) ?? 0).join('.');
  }

  /** Takes effect on every replica within a second of its return, here at once. */
  async invalidate(target: CacheTarget, change: CacheChange): Promise<void> {
    await this.db.transaction().execute(async (tx) => {
      await this.#revisions.takeTurn(tx);
      await sql`
        insert into cache_generation (scope, generation)
        values (${scopeOf(target)}, nextval('cache_generation_number'))
        on conflict (scope) do update set generation = excluded.generation`.execute(tx);
      await recordAudit(tx, {
        tenant_id: 'tenantId' in target ? target.tenantId : everyTenant,
        request_id: change.requestId,
        kind: 'cache_invalidation',
        record: { correlation_id: change.correlationId, ...onRecord(target) },
      });
      await notify(tx, { kind: 'cache_invalidated' });
    });
    this.told(target);
    await whenCommitted(() => this.#look());
  }

  /** One that fails leaves what is known to grow old. */
  #look(): Promise<void> {
    return this.#refresh().catch(() => undefined);
  }

  async #refresh(): Promise<void> {
    const startedAt = this.now();
    for (const { scope, revision } of await this.#revisions.news()) {
      this.#generations.set(scope, Math.max(Number(revision), this.#generations.get(scope) ?? 0));
    }
    this.#confirmedAt = Math.max(this.#confirmedAt, startedAt);
  }
}

function scopeOf(target: CacheTarget): string {
  return 'detector' in target ? `detector/${target.detector}` : `bundle/${target.tenantId}/${target.bundle}`;
}

function onRecord(target: CacheTarget): object {
  return 'detector' in target
    ? { detector: target.detector }
    : { tenant_id: target.tenantId, policy_bundle: target.bundle };
}
