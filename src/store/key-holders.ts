import { sql } from 'kysely';
import type { Db } from './database';
import type { MasterKeys } from './master-keys';
import { hear, notify, type Notifications } from './notifications';

const tellEveryMs = 10_000;
/** A process that has said nothing for so long is gone. */
const silenceSeconds = 30;

export interface KeyHolder {
  readonly processId: string;
  readonly keyIds: readonly string[];
  readonly seenAt: Date;
}

/** Table `key_holder`: a new master key is used when every process holds it, and no sooner. */
export class KeyHolders {
  #timer: NodeJS.Timeout | null = null;
  #telling: Promise<void> = Promise.resolve();

  constructor(
    private readonly db: Db,
    private readonly masters: MasterKeys,
    private readonly processId: string,
    private readonly failed: (error: unknown) => void,
  ) {}

  /** Says what this process holds, now and as that changes. */
  async start(notifications: Pick<Notifications, 'on'>): Promise<void> {
    await this.#tell();
    hear(notifications, 'keys_changed', () => this.#tellInTurn());
    this.#timer = setInterval(() => this.#tellInTurn(), tellEveryMs).unref();
  }

  async stop(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    await this.#telling;
    // Who cannot say so is gone after a while.
    await this.db
      .deleteFrom('key_holder')
      .where('process_id', '=', this.processId)
      .execute()
      .catch(() => undefined);
  }

  /** Has every process look for new keys. */
  async askAll(): Promise<void> {
    this.masters.reread();
    await notify(this.db, { kind: 'keys_changed' });
  }

  async all(): Promise<KeyHolder[]> {
    const rows = await this.db
      .selectFrom('key_holder')
      .selectAll()
      .where('seen_at', '>', sql<Date>`now() - make_interval(secs => ${silenceSeconds})`)
      .orderBy('process_id')
      .execute();
    return rows.map((row) => ({
      processId: row.process_id,
      keyIds: row.key_ids as string[],
      seenAt: row.seen_at,
    }));
  }

  async without(masterKeyId: string): Promise<string[]> {
    return (await this.all())
      .filter(({ keyIds }) => !keyIds.includes(masterKeyId))
      .map(({ processId }) => processId);
  }

  #tellInTurn(): void {
    this.#telling = this.#telling.then(() => this.#tell()).catch((error: unknown) => this.failed(error));
  }

  async #tell(): Promise<void> {
    this.masters.reread();
    const now = { key_ids: JSON.stringify(this.masters.ids), seen_at: new Date() };
    await this.db
      .insertInto('key_holder')
      .values({ process_id: this.processId, key_ids: now.key_ids })
      .onConflict((conflict) =>
        conflict.column('process_id').doUpdateSet({ key_ids: now.key_ids, seen_at: sql<Date>`now()` }),
      )
      .execute();
    await this.db
      .deleteFrom('key_holder')
      .where('seen_at', '<', sql<Date>`now() - interval '1 hour'`)
      .execute();
  }
}
