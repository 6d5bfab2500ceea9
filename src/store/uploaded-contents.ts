import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { type FileFacts, fileFactsSchema, type FileType } from '../contract/content';
import { asTenant, type Db } from './database';
import type { KeyRing } from './key-ring';

/** A file as its references know it. */
export interface StoredFile {
  readonly contentRef: string;
  readonly digest: string;
  readonly contentType: FileType;
  readonly bytes: number;
  readonly facts: FileFacts;
  readonly expiresAt: Date;
}

export type NewFile = Pick<StoredFile, 'digest' | 'contentType' | 'bytes' | 'facts'> & {
  readonly body: Buffer;
};

const columns = ['content_ref', 'digest', 'content_type', 'bytes', 'facts', 'expires_at'] as const;

/** Uploaded files: encrypted, each tenant's for itself, each once by its digest, and soon gone. */
export class UploadedContents {
  constructor(
    private readonly db: Db,
    private readonly keys: Pick<KeyRing, 'encryptFor' | 'decryptFor'>,
    private readonly retentionMs: number,
  ) {}

  /** What has been uploaded before is kept from now on anew. */
  async renew(tenantId: string, digest: string): Promise<StoredFile | null> {
    const row = await asTenant(this.db, tenantId)
      .updateTable('uploaded_content')
      .set({ expires_at: this.#expiry() })
      .where('tenant_id', '=', tenantId)
      .where('digest', '=', digest)
      .where('expires_at', '>', sql<Date>`now()`)
      .returning(columns)
      .executeTakeFirst();
    return row ? fileOf(row) : null;
  }

  /** Of two at once the first stays; if it is removed just then, there is room after all. */
  async put(tenantId: string, file: NewFile): Promise<StoredFile> {
    const stored =
      (await this.#insert(tenantId, file)) ??
      (await this.renew(tenantId, file.digest)) ??
      (await this.#insert(tenantId, file));
    if (!stored) throw new Error('the same upload comes and goes faster than it can be stored');
    return stored;
  }

  async #insert(tenantId: string, file: NewFile): Promise<StoredFile | null> {
    const contentRef = `content-${randomUUID()}`;
    const row = await asTenant(this.db, tenantId)
      .insertInto('uploaded_content')
      .values({
        content_ref: contentRef,
        tenant_id: tenantId,
        digest: file.digest,
        content_type: file.contentType,
        bytes: file.bytes,
        facts: JSON.stringify(file.facts),
        body: await this.keys.encryptFor(tenantId, file.body, contextOf(contentRef)),
        body_bytes: file.body.length,
        expires_at: this.#expiry(),
      })
      // One that is past its time and not removed yet makes room: its reference is forgotten.
      .onConflict((conflict) =>
        conflict
          .columns(['tenant_id', 'digest'])
          .doUpdateSet((eb) => ({
            content_ref: eb.ref('excluded.content_ref'),
            facts: eb.ref('excluded.facts'),
            body: eb.ref('excluded.body'),
            body_bytes: eb.ref('excluded.body_bytes'),
            expires_at: eb.ref('excluded.expires_at'),
          }))
          .where('uploaded_content.expires_at', '<=', sql<Date>`now()`),
      )
      .returning(columns)
      .executeTakeFirst();
    return row ? fileOf(row) : null;
  }

  async open(tenantId: string, contentRef: string): Promise<(StoredFile & { body: Buffer }) | null> {
    const row = await asTenant(this.db, tenantId)
      .selectFrom('uploaded_content')
      .select([...columns, 'body'])
      .where('content_ref', '=', contentRef)
      .where('tenant_id', '=', tenantId)
      .where('expires_at', '>', sql<Date>`now()`)
      .executeTakeFirst();
    if (!row) return null;
    return { ...fileOf(row), body: await this.keys.decryptFor(tenantId, row.body, contextOf(contentRef)) };
  }

  /** @returns whether there was one */
  async remove(tenantId: string, contentRef: string): Promise<boolean> {
    const { numDeletedRows } = await asTenant(this.db, tenantId)
      .deleteFrom('uploaded_content')
      .where('content_ref', '=', contentRef)
      .where('tenant_id', '=', tenantId)
      .where('expires_at', '>', sql<Date>`now()`)
      .executeTakeFirst();
    return numDeletedRows > 0n;
  }

  async heldBy(tenantId: string): Promise<{ readonly files: number; readonly bytes: number }> {
    const { files, bytes } = await asTenant(this.db, tenantId)
      .selectFrom('uploaded_content')
      .select([sql<string>`count(*)`.as('files'), sql<string>`coalesce(sum(body_bytes), 0)`.as('bytes')])
      .where('tenant_id', '=', tenantId)
      .where('expires_at', '>', sql<Date>`now()`)
      .executeTakeFirstOrThrow();
    return { files: Number(files), bytes: Number(bytes) };
  }

  async removeExpired(): Promise<void> {
    await this.db
      .deleteFrom('uploaded_content')
      .where('expires_at', '<=', sql<Date>`now()`)
      .execute();
  }

  /** By the store's clock, as it is read. */
  #expiry() {
    return sql<Date>`now() + ${this.retentionMs} * interval '1 millisecond'`;
  }
}

function contextOf(contentRef: string): string {
  return `uploaded_content/${contentRef}`;
}

interface Row {
  readonly content_ref: string;
  readonly digest: string;
  readonly content_type: FileType;
  readonly bytes: number;
  readonly facts: unknown;
  readonly expires_at: Date;
}

function fileOf(row: Row): StoredFile {
  return {
    contentRef: row.content_ref,
    digest: row.digest,
    contentType: row.content_type,
    bytes: row.bytes,
    facts: fileFactsSchema.parse(row.facts),
    expiresAt: row.expires_at,
  };
}
