import { sql } from 'kysely';
import { z } from 'zod';
import {
  breakerCountsSchema,
  type BreakerForce,
  type BreakerMerge,
  breakerSchema,
  breakerTransitionSchema,
  type MergedBreaker,
  type StoredBreaker,
} from '../contract/breaker';
import type { Happening } from '../contract/notices';
import { everyTenant, recordAudit } from './audit-log';
import type { Db } from './database';
import type { Notices } from './notices';
import { hear, notify, type Notifications } from './notifications';
import { Revisions } from './revisions';

const keptTransitions = 50;
const lockId = 0x42524b52;

const rowSchema = z.object({
  endpoint_id: z.string(),
  url: z.string(),
  breaker: breakerSchema,
  transitions: z.array(breakerTransitionSchema),
  counts: breakerCountsSchema,
});

/** Table `circuit_breaker`: where the breakers of all processes come together, one merge at a time. */
export class BreakerStates {
  readonly #revisions: Revisions<object>;

  constructor(
    private readonly db: Db,
    private readonly notifications: Pick<Notifications, 'on' | 'ask'>,
    private readonly notices: Pick<Notices, 'record'>,
  ) {
    this.#revisions = new Revisions(
      notifications,
      'select endpoint_id, url, breaker, transitions, counts, revision from circuit_breaker where revision > $1',
      lockId,
    );
  }

  onChange(listener: () => void): void {
    hear(this.notifications, 'breakers_changed', listener);
  }

  /** Breakers that have changed since it was asked last; at first all of them. */
  async changed(): Promise<StoredBreaker[]> {
    return (await this.#revisions.news()).flatMap((row) => known(row));
  }

  async merge(merges: readonly BreakerMerge[], forced?: BreakerForce): Promise<MergedBreaker[]> {
    return this.db.transaction().execute(async (tx) => {
      await this.#revisions.takeTurn(tx);
      const ids = merges.map(({ endpoint_id }) => endpoint_id);
      const rows = await tx
        .selectFrom('circuit_breaker')
        .selectAll()
        .where('endpoint_id', 'in', ids)
        .execute();
      const before = new Map(rows.flatMap((row) => known(row)).map((stored) => [stored.endpoint_id, stored]));
      const merged = merges.map((merge) => mergedWith(before.get(merge.endpoint_id), merge));
      for (const { stored } of merged) await write(tx, stored);
      if (forced) await record(tx, forced, ids);
      await this.notices.record(tx, merged.flatMap(newsOf));
      if (merged.some(({ stored }) => stored.breaker !== before.get(stored.endpoint_id)?.breaker))
        await notify(tx, { kind: 'breakers_changed' });
      return merged;
    });
  }

  async remove(endpointIds: readonly string[]): Promise<void> {
    await this.db.deleteFrom('circuit_breaker').where('endpoint_id', 'in', endpointIds).execute();
  }
}

/** A row that this version cannot read begins anew. */
function known(row: object): StoredBreaker[] {
  const parsed = rowSchema.safeParse(row);
  return parsed.success ? [parsed.data] : [];
}

function mergedWith(before: StoredBreaker | undefined, merge: BreakerMerge): MergedBreaker {
  const same = before?.url === merge.url ? before : null;
  const { breaker, counts, transitions } = merge.after(same);
  return {
    stored: {
      endpoint_id: merge.endpoint_id,
      url: merge.url,
      breaker,
      counts,
      transitions: [...(same?.transitions ?? []), ...transitions].slice(-keptTransitions),
    },
    transitions,
  };
}

async function write(tx: Db, { endpoint_id, url, ...stored }: StoredBreaker): Promise<void> {
  await sql`
    insert into circuit_breaker (endpoint_id, url, breaker, transitions, counts, revision)
    values (
      ${endpoint_id}, ${url}, ${JSON.stringify(stored.breaker)}, ${JSON.stringify(stored.transitions)},
      ${JSON.stringify(stored.counts)}, nextval('circuit_breaker_revision')
    )
    on conflict (endpoint_id) do update set
      url = excluded.url, breaker = excluded.breaker, transitions = excluded.transitions,
      counts = excluded.counts, revision = excluded.revision, updated_at = now()`.execute(tx);
}

async function record(tx: Db, forced: BreakerForce, endpointIds: readonly string[]): Promise<void> {
  await recordAudit(tx, {
    tenant_id: forced.tenantId ?? everyTenant,
    request_id: forced.requestId,
    kind: `circuit_breaker_${forced.action}`,
    record: { correlation_id: forced.correlationId, endpoint_ids: endpointIds },
  });
}

/** What operators are told: a trial that fails is no news. */
function newsOf({ stored, transitions }: MergedBreaker): readonly Happening[] {
  const opened = transitions.filter(({ from, to }) => from === 'closed' && to === 'open');
  return opened.map(({ reason }) => ({
    event: 'breaker_opened',
    tenant_id: null,
    subject: stored.endpoint_id,
    reason,
  }));
}
