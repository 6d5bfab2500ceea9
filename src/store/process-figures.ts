import { sql } from 'kysely';
import type { Db } from './database';

/** Figures of processes that have ended, added up. */
const ended = 'ended';
/** A process that has not written for so long has ended. */
const silenceSeconds = 60;

/** Table `process_figures`: what every process has counted, so that any of them can tell the sum. */
export class ProcessFigures<Figures extends object> {
  /** The row as it is now; null when that is not known. */
  #written: string | null = null;

  constructor(
    private readonly db: Db,
    private readonly sumOf: (figures: readonly Figures[]) => Promise<Figures>,
  ) {}

  /** Those of all processes but one. */
  async ofOthers(processId: string): Promise<Figures[]> {
    const rows = await this.db
      .selectFrom('process_figures')
      .select('figures')
      .where('process_id', '<>', processId)
      .execute();
    return rows.map(({ figures }) => figures as unknown as Figures);
  }

  /** @returns false when the process was taken for ended meanwhile: what it wrote before has been added up */
  async write(processId: string, figures: Figures, isFirst: boolean): Promise<boolean> {
    const json = JSON.stringify(figures);
    const changed = json === this.#written ? {} : { figures: json };
    this.#written = null;
    const isThere = isFirst ? await this.#insert(processId, json) : await this.#update(processId, changed);
    if (isThere) this.#written = json;
    return isThere;
  }

  async #insert(processId: string, json: string): Promise<true> {
    await this.db
      .insertInto('process_figures')
      .values({ process_id: processId, figures: json })
      // One that was written though we never heard so.
      .onConflict((conflict) => conflict.column('process_id').doUpdateSet({ figures: json }))
      .execute();
    return true;
  }

  /** @param changed nothing: it only shows that the process lives */
  async #update(processId: string, changed: { readonly figures?: string }): Promise<boolean> {
    const { numUpdatedRows } = await this.db
      .updateTable('process_figures')
      .set({ ...changed, written_at: sql<Date>`now()` })
      .where('process_id', '=', processId)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }

  /** Adds up what the processes that have ended have left. */
  async retire(): Promise<void> {
    await this.db.transaction().execute(async (tx) => {
      const gone = await tx
        .deleteFrom('process_figures')
        .where('process_id', '<>', ended)
        .where('written_at', '<', sql<Date>`now() - make_interval(secs => ${silenceSeconds})`)
        .returning('figures')
        .execute();
      if (gone.length === 0) return;
      // Two that retire at once wait for each other here.
      await sql`
        insert into process_figures (process_id, figures) values (${ended}, 'null')
        on conflict (process_id) do update set written_at = now()`.execute(tx);
      const before = await tx
        .selectFrom('process_figures')
        .select('figures')
        .where('process_id', '=', ended)
        .executeTakeFirstOrThrow();
      const all = [before, ...gone].map(({ figures }) => figures as unknown as Figures | null);
      const sum = await this.sumOf(all.filter((figures) => figures !== null));
      await tx
        .updateTable('process_figures')
        .set({ figures: JSON.stringify(sum) })
        .where('process_id', '=', ended)
        .execute();
    });
  }
}
