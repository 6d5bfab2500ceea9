import { type RawBuilder, type Selectable, sql } from 'kysely';
import type { Db } from './database';
import type { MasterKeys } from './master-keys';
import { notify } from './notifications';
import type { TenantKeyTable } from './schema-keys';
import { seal, unseal } from './sealed-box';
import { inKeysTurn, KeyVerificationError, wrappingContext } from './tenant-keys';

type KeyRow = Selectable<TenantKeyTable>;

/** A rotation that is to leave nothing behind. */
interface Undone {
  readonly from: string;
  readonly to: string;
  readonly rotationId: string;
}

const page = 100;

/**
 * Has another master key wrap all data keys: each stays openable at any moment. Who was given up on, and does not know,
 * changes nothing: each change is made in turn, for a rotation that runs and by the master key in use.
 */
export class Rewrapping {
  constructor(
    private readonly db: Db,
    private readonly masters: MasterKeys,
  ) {}

  /** From now on new data keys are wrapped by this one; one that does already stays. */
  async switchTo(masterKeyId: string, rotationId: string): Promise<void> {
    await inKeysTurn(this.db, async (tx) => {
      await assertRunning(tx, rotationId);
      await tx
        .updateTable('master_key')
        .set({ replaced_at: sql<Date>`now()` })
        .where('replaced_at', 'is', null)
        .where('key_id', '<>', masterKeyId)
        .execute();
      await tx
        .insertInto('master_key')
        .values({ key_id: masterKeyId })
        .onConflict((conflict) => conflict.column('key_id').doUpdateSet({ replaced_at: null }))
        .execute();
    });
  }

  async left(masterKeyId: string): Promise<number> {
    const { left } = await this.db
      .selectFrom('tenant_key')
      .select(sql<number>`count(*)::int`.as('left'))
      .where('wrapped_key', 'is not', null)
      .where(sql<boolean>`master_key_id is distinct from ${masterKeyId}`)
      .executeTakeFirstOrThrow();
    return left;
  }

  /**
   * Some of those that another wraps.
   * @param from wraps those that do not say what does
   * @returns how many
   */
  rewrapPage(to: string, from: string): Promise<number> {
    return this.#rewrap(sql<boolean>`master_key_id is distinct from ${to}`, to, from);
  }

  async #rewrap(which: RawBuilder<boolean>, to: string, from: string): Promise<number> {
    const rows = await this.db
      .selectFrom('tenant_key')
      .selectAll()
      .where('wrapped_key', 'is not', null)
      .where(which)
      .orderBy('tenant_id')
      .orderBy('version')
      .limit(page)
      .execute();
    const wrapped = rows.map((row) => ({
      tenant_id: row.tenant_id,
      version: row.version,
      before: row.wrapped_key!.toString('base64'),
      before_by: row.master_key_id ?? from,
      after: this.#rewrapped(row, to, from).toString('base64'),
    }));
    await inKeysTurn(this.db, async (tx) => {
      await assertInUse(tx, to);
      // One that was destroyed meanwhile stays destroyed.
      await sql`
        update tenant_key
        set wrapped_key = decode(given.after, 'base64'), master_key_id = ${to},
            previous_wrapped_key = decode(given.before, 'base64'), previous_master_key_id = given.before_by
        from json_to_recordset(${JSON.stringify(wrapped)}::json)
          as given (tenant_id text, version int, before text, before_by text, after text)
        where tenant_key.tenant_id = given.tenant_id and tenant_key.version = given.version
          and tenant_key.wrapped_key = decode(given.before, 'base64')`.execute(tx);
    });
    return rows.length;
  }

  /**
   * Opens every data key.
   * @throws KeyVerificationError for one that this master key does not wrap, or that is another than before
   */
  async verify(masterKeyId: string, alive: () => void): Promise<void> {
    for (let last: KeyRow | undefined; ;) {
      const rows = await this.#pageAfter(last);
      for (const row of rows) this.#verifyOne(row, masterKeyId);
      alive();
      if (rows.length < page) return;
      last = rows.at(-1);
    }
  }

  /** The old master key wraps everything again, as before where that is kept; what was never changed stays as it is. */
  async restore({ from, to, rotationId }: Undone): Promise<void> {
    await this.switchTo(from, rotationId);
    await sql`
      update tenant_key
      set wrapped_key = previous_wrapped_key, master_key_id = previous_master_key_id,
          previous_wrapped_key = null, previous_master_key_id = null
      where previous_wrapped_key is not null and wrapped_key is not null and master_key_id = ${to}`.execute(
      this.db,
    );
    // What is left was made meanwhile.
    while ((await this.#rewrap(sql<boolean>`master_key_id = ${to}`, from, to)) > 0);
    await this.forgetPrevious();
    await this.db
      .deleteFrom('master_key')
      .where('key_id', '=', to)
      .where('replaced_at', 'is not', null)
      .execute();
    await notify(this.db, { kind: 'keys_changed' });
  }

  /** What the old master key wrapped is not kept: whoever has that key could open it. */
  async forgetPrevious(): Promise<void> {
    await this.db
      .updateTable('tenant_key')
      .set({ previous_wrapped_key: null, previous_master_key_id: null })
      .where('previous_wrapped_key', 'is not', null)
      .execute();
  }

  #pageAfter(last: KeyRow | undefined): Promise<KeyRow[]> {
    let rows = this.db.selectFrom('tenant_key').selectAll().where('wrapped_key', 'is not', null);
    if (last) {
      const { tenant_id: tenantId, version } = last;
      rows = rows.where(sql<boolean>`(tenant_id, version) > (${tenantId}, ${version}::int)`);
    }
    return rows.orderBy('tenant_id').orderBy('version').limit(page).execute();
  }

  #rewrapped(row: KeyRow, to: string, from: string): Buffer {
    const context = wrappingContext(row.tenant_id, row.version);
    const key = unseal(this.masters.get(row.master_key_id ?? from), row.wrapped_key!, context);
    return seal(this.masters.get(to), key, context);
  }

  #verifyOne(row: KeyRow, masterKeyId: string): void {
    const context = wrappingContext(row.tenant_id, row.version);
    const name = `version ${row.version} of the key of tenant ${row.tenant_id}`;
    if (row.master_key_id !== masterKeyId) {
      throw new KeyVerificationError(`${name} is wrapped by another master key`);
    }
    try {
      const key = unseal(this.masters.get(masterKeyId), row.wrapped_key!, context);
      if (row.previous_wrapped_key === null) return;
      const before = unseal(this.masters.get(row.previous_master_key_id!), row.previous_wrapped_key, context);
      if (key.equals(before)) return;
    } catch {
      throw new KeyVerificationError(`${name} cannot be opened`);
    }
    throw new KeyVerificationError(`${name} is not what it was`);
  }
}

async function assertRunning(tx: Db, rotationId: string): Promise<void> {
  const running = await tx
    .selectFrom('key_rotation')
    .select('rotation_id')
    .where('rotation_id', '=', rotationId)
    .where('status', '=', 'running')
    .executeTakeFirst();
  if (!running) throw new Error('the rotation has ended');
}

async function assertInUse(tx: Db, masterKeyId: string): Promise<void> {
  const inUse = await tx
    .selectFrom('master_key')
    .select('key_id')
    .where('key_id', '=', masterKeyId)
    .where('replaced_at', 'is', null)
    .executeTakeFirst();
  if (!inUse) throw new Error('another master key is in use by now');
}
