import { sql } from 'kysely';
import { LRUCache } from 'lru-cache';
import { type PlanRecord, planRecordSchema } from '../contract/explanation';
import { asTenant, type Db } from './database';

const dayMs = 86_400_000;
const remembered = 10_000;
/** As long as audit records, which lead here. */
const retentionDays = 366;

/** Table `plan_record`: what came of planning, once a plan and not once a request. */
export class PlanRecords {
  /** Plans that are known to be there; once a day their use is noted. */
  readonly #kept = new LRUCache<string, Promise<void>>({ max: remembered, ttl: dayMs });

  constructor(private readonly db: Db) {}

  /** Resolves when it is durable. */
  remember(tenantId: string, digest: string, record: () => PlanRecord): Promise<void> {
    const key = `${tenantId}/${digest}`;
    const known = this.#kept.get(key);
    if (known) return known;
    const writing = this.#write(tenantId, digest, record());
    this.#kept.set(key, writing);
    writing.catch(() => this.#kept.delete(key));
    return writing;
  }

  async find(tenantId: string, digest: string): Promise<PlanRecord | null> {
    const row = await asTenant(this.db, tenantId)
      .selectFrom('plan_record')
      .select('record')
      .where('tenant_id', '=', tenantId)
      .where('plan_digest', '=', digest)
      .executeTakeFirst();
    return row ? planRecordSchema.parse(row.record) : null;
  }

  async removeExpired(): Promise<void> {
    await sql`delete from plan_record where used_at < now() - make_interval(days => ${retentionDays})`.execute(
      this.db,
    );
  }

  async #write(tenantId: string, digest: string, record: PlanRecord): Promise<void> {
    await asTenant(this.db, tenantId)
      .insertInto('plan_record')
      .values({ tenant_id: tenantId, plan_digest: digest, record: JSON.stringify(record) })
      .onConflict((conflict) =>
        conflict.columns(['tenant_id', 'plan_digest']).doUpdateSet({
          used_at: new Date(),
          // The first one stays, unless it is of a release that wrote less.
          record: sql<string>`case when plan_record.record ? 'registrations' then plan_record.record
                                   else excluded.record end`,
        }),
      )
      .execute();
  }
}
