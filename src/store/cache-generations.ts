import { sql } from 'kysely';
import type { Db } from './database';
import { notify, type Notifications } from './notifications';

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
/** Generations become visible in the order of their numbers, so that who has seen one has seen those before. */
const lockId = 0x43414348;
/** Stands where the audit log has a tenant; no tenant can be called so. */
const everyTenant = '*';

/**
 * Table `cache_generation`: a number for every bundle and detector that was ever invalidated. It is part of the cache's
 * keys, so whatever was stored, or is still being computed, under an older number is never found again. Replicas hear
 * of new numbers by NOTIFY, and look for themselves besides; one that could not look for a second does without the cache.
 */
export class CacheGenerations {
  readonly #generations = new Map<string, number>();
  #seen = 0;
  #confirmedAt = -Infinity;
  #timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly db: Db,
    private readonly notifications: Pick<Notifications, 'on' | 'ask'>,
    private readonly now: () => number = () => performance.now(),
  ) {}

  async start(): Promise<void> {
    await this.#refresh();
    this.notifications.on('message', ({ kind }) => {
      if (kind === 'cache_invalidated') void this.#look();
    });
    this.notifications.on('reconnected', () => void this.#look());
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
      await sql`select pg_advisory_xact_lock(${lockId})`.execute(tx);
      await sql`
        insert into cache_generation (scope, generation)
        values (${scopeOf(target)}, nextval('cache_generation_number'))
        on conflict (scope) do update set generation = excluded.generation`.execute(tx);
      await tx
        .insertInto('audit')
        .values({
          tenant_id: 'tenantId' in target ? target.tenantId : everyTenant,
          request_id: change.requestId,
          kind: 'cache_invalidation',
          record: JSON.stringify({ correlation_id: change.correlationId, ...onRecord(target) }),
        })
        .execute();
      await notify(tx, { kind: 'cache_invalidated' });
    });
    await this.#look();
  }

  /** One that fails leaves what is known to grow old. */
  #look(): Promise<void> {
    return this.#refresh().catch(() => undefined);
  }

  async #refresh(): Promise<void> {
    const startedAt = this.now();
    const rows = await this.notifications.ask<{ scope: string; generation: string }>(
      'select scope, generation from cache_generation where generation > $1',
      [this.#seen],
    );
    for (const { scope, generation } of rows) {
      const number = Number(generation);
      this.#generations.set(scope, Math.max(number, this.#generations.get(scope) ?? 0));
      this.#seen = Math.max(this.#seen, number);
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
