import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { beginning, linkHash, rowDigest } from './audit-chain';
import { everyTenant } from './audit-log';
import type { Db } from './database';

const batch = 2000;
/** One sealer at a time in the whole installation. */
const lockId = 0x5345414c;

interface Unsealed {
  readonly sequence: string;
  readonly tenant_id: string;
  readonly digest: Buffer;
}

interface Head {
  readonly position: number;
  readonly hash: Buffer;
}

/** A moment: the numbers that had been given out, and the transactions that may still have been under way. */
interface Moment {
  readonly lastNumber: number;
  readonly xmax: bigint;
}

interface Turn {
  readonly moment: Moment;
  readonly xmin: bigint;
}

/**
 * Chains rows of table `audit` after they were written, off the way of the requests that wrote them (docs/adr/0028-audit.md).
 * Numbers become visible out of order. So links are made for whatever has none above a floor, and the floor rises to the
 * last number of an earlier moment once every transaction of that moment has ended: a number below it that no row has
 * will never have one, which is put on record.
 */
export class AuditSealer {
  #moment: Moment | null = null;

  constructor(private readonly db: Db) {}

  /** @returns whether there is more to seal */
  async seal(): Promise<boolean> {
    return this.db.transaction().execute(async (tx) => {
      const now = await takeTurn(tx);
      if (!now) {
        this.#moment = null;
        return false;
      }
      const rows = await unsealed(tx);
      await link(tx, rows);
      const isWhole = rows.length < batch;
      await this.#raiseFloor(tx, now, isWhole ? Infinity : Number(rows.at(-1)!.sequence));
      return !isWhole;
    });
  }

  /** @param sealedTo all rows up to here that could be seen have links */
  async #raiseFloor(tx: Db, now: Turn, sealedTo: number): Promise<void> {
    if (this.#moment && now.xmin >= this.#moment.xmax) {
      await raiseFloor(tx, Math.min(this.#moment.lastNumber, sealedTo));
      if (sealedTo < this.#moment.lastNumber) return;
      this.#moment = null;
    }
    this.#moment ??= now.moment;
  }
}

async function takeTurn(tx: Db): Promise<Turn | null> {
  const { rows } = await sql<{ mine: boolean; last: string; xmin: string; xmax: string }>`
    select pg_try_advisory_xact_lock(${lockId}) as mine,
           (select case when is_called then last_value else 0 end from audit_sequence_seq) as last,
           pg_snapshot_xmin(pg_current_snapshot())::text as xmin,
           pg_snapshot_xmax(pg_current_snapshot())::text as xmax`.execute(tx);
  const { mine, last, xmin, xmax } = rows[0]!;
  return mine ? { moment: { lastNumber: Number(last), xmax: BigInt(xmax) }, xmin: BigInt(xmin) } : null;
}

async function unsealed(tx: Db): Promise<readonly Unsealed[]> {
  const { rows } = await sql<Unsealed>`
    select audit.sequence, audit.tenant_id, ${rowDigest('audit')} as digest
    from audit
    where audit.sequence > (select floor from audit_sealing)
      and not exists (select from audit_link where audit_link.sequence = audit.sequence)
    order by audit.sequence limit ${batch}`.execute(tx);
  return rows;
}

async function link(tx: Db, rows: readonly Unsealed[]): Promise<void> {
  if (rows.length === 0) return;
  const heads = await headsOf(tx, [...new Set(rows.map((row) => row.tenant_id))]);
  const links: object[] = [];
  const append = ({ sequence, tenant_id: tenant, digest }: Unsealed): void => {
    const { position: before, hash: previous } = heads.get(tenant) ?? { position: 0, hash: beginning };
    const position = before + 1;
    const hash = linkHash(tenant, previous, { position, sequence, digest });
    const hex = {
      digest: digest.toString('hex'),
      previous: previous.toString('hex'),
      hash: hash.toString('hex'),
    };
    links.push({ sequence, tenant_id: tenant, position, ...hex });
    heads.set(tenant, { position, hash });
  };
  for (const row of rows) {
    if (!heads.has(row.tenant_id)) append(await begin(tx, row.tenant_id));
    append(row);
  }
  await sql`
    insert into audit_link (sequence, tenant_id, position, digest, previous, hash)
    select sequence, tenant_id, position, decode(digest, 'hex'), decode(previous, 'hex'), decode(hash, 'hex')
    from json_to_recordset(${JSON.stringify(links)}::json)
      as given (sequence bigint, tenant_id text, position bigint, digest text, previous text, hash text)`.execute(
    tx,
  );
}

async function headsOf(tx: Db, tenants: readonly string[]): Promise<Map<string, Head>> {
  const { rows } = await sql<{ tenant_id: string; position: string; hash: Buffer }>`
    select tenant.id as tenant_id, head.position, head.hash
    from unnest(${tenants}::text[]) as tenant (id)
    cross join lateral (
      select position, hash from audit_link where tenant_id = tenant.id order by position desc limit 1
    ) head`.execute(tx);
  return new Map(
    rows.map(({ tenant_id, position, hash }) => [tenant_id, { position: Number(position), hash }] as const),
  );
}

/** The first row of a chain says how many there were before there were chains; nothing vouches for those. */
async function begin(tx: Db, tenant: string): Promise<Unsealed> {
  const { rows } = await sql<Unsealed>`
    insert into audit (tenant_id, request_id, kind, record)
    select ${tenant}, ${randomUUID()}::uuid, 'audit_genesis', jsonb_build_object('earlier_rows', (
      select count(*) from audit where tenant_id = ${tenant} and sequence <= (select chained_from from audit_sealing)))
    returning sequence, tenant_id, ${rowDigest('audit')} as digest`.execute(tx);
  return rows[0]!;
}

/** Numbers that no row has are on record one by one in no more than this; transactions that failed leave single ones. */
const maxGaps = 1000;

async function raiseFloor(tx: Db, floor: number): Promise<void> {
  const { rows: gaps } = await sql<{ from: string; to: string }>`
    with numbered as (
      select sequence, lag(sequence, 1, (select floor from audit_sealing)) over (order by sequence) as before
      from (
        select sequence from audit where sequence > (select floor from audit_sealing) and sequence <= ${floor}::bigint
        union all select ${floor}::bigint + 1
      ) as given (sequence)
    )
    select before + 1 as "from", sequence - 1 as "to" from numbered where sequence > before + 1
    order by 1 limit ${maxGaps}`.execute(tx);
  if (gaps.length > 0) {
    const numbers = gaps.map(({ from, to }) => [Number(from), Number(to)]);
    await sql`
      insert into audit (tenant_id, request_id, kind, record)
      values (${everyTenant}, ${randomUUID()}::uuid, 'audit_gap', ${JSON.stringify({ numbers })}::jsonb)`.execute(
      tx,
    );
  }
  const reached = gaps.length === maxGaps ? Number(gaps.at(-1)!.to) : floor;
  await sql`update audit_sealing set floor = ${reached}::bigint where floor < ${reached}::bigint`.execute(tx);
}
