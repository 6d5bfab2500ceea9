import { sql } from 'kysely';
import type { Db } from './database';

/** One record, without content or free text (spec/orchestration.md 1.12). */
export interface AuditRow {
  readonly tenant_id: string;
  readonly request_id: string;
  readonly kind: string;
  readonly record: object;
}

/** Stands where a record has no tenant; no tenant can be called so. */
export const everyTenant = '*';

/** One record, as part of the transaction that it is about. */
export async function recordAudit(tx: Db, row: AuditRow): Promise<void> {
  await tx
    .insertInto('audit')
    .values({ ...row, record: JSON.stringify(row.record) })
    .execute();
}

interface Waiting {
  readonly row: AuditRow;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const maxRows = 500;

/**
 * Appends to table `audit` by group commit: rows that come while a statement is under way go with the next one. A row is
 * durable when its promise resolves.
 */
export class AuditLog {
  #waiting: Waiting[] = [];
  #writing = false;

  constructor(private readonly db: Db) {}

  append(row: AuditRow): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ row, resolve, reject });
      if (!this.#writing) void this.#write();
    });
  }

  async #write(): Promise<void> {
    this.#writing = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, maxRows);
      try {
        await this.#insert(batch.map(({ row }) => row));
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#writing = false;
  }

  async #insert(rows: readonly AuditRow[]): Promise<void> {
    await sql`
      insert into audit (tenant_id, request_id, kind, record)
      select tenant_id, request_id, kind, record
      from json_to_recordset(${JSON.stringify(rows)}::json)
        as given (tenant_id text, request_id uuid, kind text, record jsonb)`.execute(this.db);
  }
}
