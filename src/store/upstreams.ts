import { sql } from 'kysely';
import { detectorRegistrationSchema } from '../contract/registration';
import type { RegistryEntry, RegistryWrite } from '../contract/registry-entry';
import { endpointSchema } from '../contract/upstream';
import { everyTenant, recordAudit } from './audit-log';
import type { Db } from './database';
import { notify, type Notifications } from './notifications';
import { apart } from './one-transaction';
import type { UpstreamTable } from './schema';

/** An entry, and the generation that wrote it. */
export interface StoredUpstream {
  readonly entry: RegistryEntry;
  readonly generation: number;
}

export interface RegistryRead {
  readonly generation: number;
  readonly upstreams: readonly StoredUpstream[];
  /** Ids of what only another release understands. */
  readonly unreadable: readonly string[];
}

/** Version of the registry file: rises when its content changed. */
export interface ConfigVersion {
  readonly generation: number;
  readonly digest: string;
}

export interface RegistryChange<T> {
  readonly writes: readonly RegistryWrite[];
  readonly result: T;
  /** The file whose content this is; absent: the change is not the file's. */
  readonly configDigest?: string;
}

/** Who asked for a change, for the audit log. */
export interface ChangedBy {
  readonly requestId: string;
  readonly correlationId: string | null;
  readonly what: string;
}

const keptHistory = 20;

/** Tables `upstream` and `registry_state`: all processes' one registry. Changes are made one after the other. */
export class Upstreams {
  constructor(
    private readonly db: Db,
    private readonly notifications: Pick<Notifications, 'ask'>,
  ) {}

  /** All of one moment. */
  async read(db: Db = this.db): Promise<RegistryRead> {
    const rows = await db
      .selectFrom('registry_state')
      .leftJoin('upstream', (join) => join.onTrue())
      .select('registry_state.generation as state_generation')
      .selectAll('upstream')
      .execute();
    const stored = rows.filter((row) => row.endpoint_id !== null) as unknown as UpstreamTable[];
    const read = stored.map((row) => ({ row, entry: entryOf(row) }));
    return {
      generation: Number(rows[0]!.state_generation),
      upstreams: read.flatMap(({ row, entry }) =>
        entry ? { entry, generation: Number(row.generation) } : [],
      ),
      unreadable: read.flatMap(({ row, entry }) => (entry ? [] : row.endpoint_id)),
    };
  }

  /** What is cheap to ask again and again. */
  async look(): Promise<{ generation: number; expired: boolean }> {
    const rows = await this.notifications.ask<{ generation: string; expired: boolean }>(
      `select generation, exists (select from upstream where expires_at < now()) as expired from registry_state`,
      [],
    );
    return { generation: Number(rows[0]!.generation), expired: rows[0]!.expired };
  }

  /**
   * Changes the registry by what `decide` makes of it as it is, and nobody changes it meanwhile. When this returns every
   * process can read the whole change, and has been told of it.
   */
  async change<T>(
    by: ChangedBy,
    decide: (entries: readonly RegistryEntry[], config: ConfigVersion) => RegistryChange<T>,
  ): Promise<T> {
    return this.db.transaction().execute(async (tx) => {
      const state = await tx.selectFrom('registry_state').selectAll().forUpdate().executeTakeFirstOrThrow();
      const before = await this.read(tx);
      const { writes, result, configDigest } = decide(
        before.upstreams.map(({ entry }) => entry),
        { generation: state.config_generation, digest: state.config_digest },
      );
      if (configDigest !== undefined && configDigest !== state.config_digest) {
        const generation = state.config_generation + 1;
        await tx
          .updateTable('registry_state')
          .set({ config_generation: generation, config_digest: configDigest })
          .execute();
        await this.#remember({ generation, digest: configDigest }, 'applied', tx);
      }
      if (writes.length > 0) await this.#apply(tx, by, writes, before.generation + 1);
      return result;
    });
  }

  /** A sign of life of an entry that would expire without. @returns false when there is none */
  async heartbeat(endpointId: string): Promise<boolean> {
    const { numUpdatedRows } = await this.db
      .updateTable('upstream')
      .set({ expires_at: sql`now() + make_interval(secs => ttl_seconds)` })
      .where('endpoint_id', '=', endpointId)
      .where('ttl_seconds', 'is not', null)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }

  /** Removes what has not been heard of. @returns its ids */
  async expire(by: ChangedBy): Promise<string[]> {
    const ids = await this.#expired();
    if (ids.length === 0) return [];
    return this.db.transaction().execute(async (tx) => {
      const { generation } = await tx
        .selectFrom('registry_state')
        .select('generation')
        .forUpdate()
        .executeTakeFirstOrThrow();
      const still = await this.#expired(tx);
      const writes = still.map((id) => ({ kind: 'remove' as const, id }));
      if (writes.length > 0) await this.#apply(tx, by, writes, Number(generation) + 1);
      return still;
    });
  }

  async configVersion(): Promise<ConfigVersion> {
    const state = await this.db.selectFrom('registry_state').selectAll().executeTakeFirstOrThrow();
    return { generation: state.config_generation, digest: state.config_digest };
  }

  /** The latest first. */
  async configHistory(): Promise<{ version: string; at: Date; outcome: 'applied' | 'refused' }[]> {
    return this.db
      .selectFrom('registry_config_history')
      .select(['version', 'at', 'outcome'])
      .orderBy('sequence', 'desc')
      .limit(keptHistory)
      .execute();
  }

  /** Lasts, though what was asked for is refused with it. */
  async rememberRefusal(version: ConfigVersion): Promise<void> {
    await apart(() => this.#remember(version, 'refused', this.db));
  }

  async #expired(db: Db = this.db): Promise<string[]> {
    const rows = await db
      .selectFrom('upstream')
      .select('endpoint_id')
      .where('expires_at', '<', sql<Date>`now()`)
      .execute();
    return rows.map(({ endpoint_id }) => endpoint_id);
  }

  async #remember(version: ConfigVersion, outcome: 'applied' | 'refused', db: Db): Promise<void> {
    await db
      .insertInto('registry_config_history')
      .values({ version: configVersionText(version), outcome })
      .execute();
    await sql`
      delete from registry_config_history where sequence <= (
        select sequence from registry_config_history order by sequence desc offset ${keptHistory} limit 1)`.execute(
      db,
    );
  }

  async #apply(tx: Db, by: ChangedBy, writes: readonly RegistryWrite[], generation: number): Promise<void> {
    const removed = writes.flatMap((write) => (write.kind === 'remove' ? [write.id] : []));
    if (removed.length > 0) await tx.deleteFrom('upstream').where('endpoint_id', 'in', removed).execute();
    const rows = writes.flatMap((write) => (write.kind === 'put' ? [rowOf(write.entry, generation)] : []));
    for (const row of rows) {
      const { endpoint_id: _id, ...fields } = row;
      await tx
        .insertInto('upstream')
        .values(row)
        .onConflict((conflict) => conflict.column('endpoint_id').doUpdateSet(fields))
        .execute();
    }
    await tx
      .updateTable('registry_state')
      .set({ generation: String(generation) })
      .execute();
    await recordAudit(tx, {
      tenant_id: everyTenant,
      request_id: by.requestId,
      kind: 'registry_change',
      record: {
        correlation_id: by.correlationId,
        what: by.what,
        generation,
        put: rows.map(({ endpoint_id }) => endpoint_id),
        removed,
      },
    });
    await notify(tx, { kind: 'registry_changed' });
  }
}

export function configVersionText({ generation, digest }: ConfigVersion): string {
  return `${generation}-${digest.slice(0, 12)}`;
}

function rowOf(entry: RegistryEntry, generation: number) {
  const ttl = entry.ttl_seconds;
  return {
    endpoint_id: entry.endpoint_id,
    kind: entry.kind,
    source: entry.source,
    origin: entry.origin,
    status: entry.status,
    document: JSON.stringify(entry.detector ?? entry.endpoint),
    traffic_percent: entry.traffic_percent,
    ttl_seconds: ttl,
    expires_at: ttl === null ? null : sql<Date>`now() + make_interval(secs => ${ttl})`,
    registration_time: new Date(entry.registration_time),
    updated_at: new Date(entry.updated_at),
    generation: String(generation),
  };
}

/** What an earlier release wrote has its new fields filled in; null: what only a later one understands. */
function entryOf(row: UpstreamTable): RegistryEntry | null {
  const document = JSON.parse(row.document) as unknown;
  const detector = row.kind === 'detector' ? detectorRegistrationSchema.safeParse(document) : null;
  const endpoint = row.kind === 'detector' ? null : endpointSchema.safeParse(document);
  if (detector?.success === false || endpoint?.success === false) return null;
  return {
    endpoint_id: row.endpoint_id,
    kind: row.kind,
    detector: detector?.data ?? null,
    endpoint: endpoint?.data ?? null,
    source: row.source,
    origin: row.origin,
    status: row.status,
    traffic_percent: row.traffic_percent,
    ttl_seconds: row.ttl_seconds,
    registration_time: row.registration_time.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}
