import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { sql } from 'kysely';
import type { ExportManifest } from '../contract/tenant-operations';
import type { Db } from './database';
import type { KeyRing } from './key-ring';
import type { TenantOperations } from './tenant-operations';
import type { ExportPage, ExportSource } from './tenant-export-sources';

const squeezed = promisify(gzip);
const unsqueezed = promisify(gunzip);
/** No page comes near it. */
const mostPartBytes = 256 * 1024 * 1024;

/** How far an export is. */
export interface ExportPosition {
  /** Among the sources. */
  readonly file: number;
  readonly after: string | null;
}

/** Table `tenant_export_part`: lines that were written, compressed and encrypted for the tenant. */
export class TenantExports {
  constructor(
    private readonly db: Db,
    private readonly keys: KeyRing,
    private readonly operations: Pick<TenantOperations, 'count'>,
  ) {}

  /** A page with the position behind it, at once. @returns false when another has gone on from there */
  async write(
    operation: { readonly operation_id: string; readonly tenant_id: string },
    from: ExportPosition | null,
    { file }: Pick<ExportSource, 'file'>,
    { lines }: ExportPage,
    next: ExportPosition,
  ): Promise<boolean> {
    const { operation_id: id, tenant_id: tenantId } = operation;
    const part = await this.#nextPart(id, file);
    const body = lines.length === 0 ? null : await this.#sealed(operation, file, part, lines);
    return this.db.transaction().execute(async (tx) => {
      const { numUpdatedRows } = await tx
        .updateTable('tenant_operation')
        .set({ position: JSON.stringify(next) })
        .where('operation_id', '=', id)
        .where('status', '=', 'running')
        .where(
          sql<boolean>`position is not distinct from ${from === null ? null : JSON.stringify(from)}::jsonb`,
        )
        .executeTakeFirst();
      if (numUpdatedRows === 0n) return false;
      if (body === null) return true;
      const row = { operation_id: id, tenant_id: tenantId, file, part, records: lines.length, body };
      await tx.insertInto('tenant_export_part').values(row).execute();
      await this.operations.count(tx, id, file, lines.length);
      return true;
    });
  }

  async #nextPart(operationId: string, file: string): Promise<number> {
    const { next } = await this.db
      .selectFrom('tenant_export_part')
      .select(sql<number>`coalesce(max(part) + 1, 0)::int`.as('next'))
      .where('operation_id', '=', operationId)
      .where('file', '=', file)
      .executeTakeFirstOrThrow();
    return next;
  }

  async #sealed(
    { operation_id: id, tenant_id: tenantId }: { readonly operation_id: string; readonly tenant_id: string },
    file: string,
    part: number,
    lines: readonly string[],
  ): Promise<Buffer> {
    const text = lines.map((line) => `${line}\n`).join('');
    return this.keys.encryptFor(tenantId, await squeezed(text), contextOf(id, file, part));
  }

  /** The lines of a file, some hundred at a time. */
  async *read(operationId: string, tenantId: string, file: string): AsyncGenerator<Buffer> {
    for (let part = 0; ; part++) {
      const row = await this.db
        .selectFrom('tenant_export_part')
        .select('body')
        .where('operation_id', '=', operationId)
        .where('tenant_id', '=', tenantId)
        .where('file', '=', file)
        .where('part', '=', part)
        .executeTakeFirst();
      if (!row) return;
      const packed = await this.keys.decryptFor(tenantId, row.body, contextOf(operationId, file, part));
      yield await unsqueezed(packed, { maxOutputLength: mostPartBytes });
    }
  }

  /** @param beat called now and then */
  async filesOf(
    operation: { readonly operation_id: string; readonly tenant_id: string },
    files: readonly string[],
    beat: () => void,
  ): Promise<ExportManifest['files']> {
    const described: ExportManifest['files'] = [];
    for (const file of files) {
      const digest = createHash('sha256');
      let bytes = 0;
      let records = 0;
      for await (const lines of this.read(operation.operation_id, operation.tenant_id, file)) {
        digest.update(lines);
        bytes += lines.length;
        records += linesIn(lines);
        beat();
      }
      described.push({ name: `${file}.ndjson`, records, bytes, sha256: digest.digest('hex') });
    }
    return described;
  }

  /** Of exports whose time is over, and of those that failed. */
  async removeExpired(): Promise<void> {
    await sql`
      delete from tenant_export_part using tenant_operation
      where tenant_export_part.operation_id = tenant_operation.operation_id
        and (expires_at < now() or status = 'failed')`.execute(this.db);
  }
}

function linesIn(text: Buffer): number {
  let lines = 0;
  for (let at = text.indexOf(0x0a); at !== -1; at = text.indexOf(0x0a, at + 1)) lines += 1;
  return lines;
}

function contextOf(operationId: string, file: string, part: number): string {
  return `tenant_export_part/${operationId}/${file}/${part}`;
}
