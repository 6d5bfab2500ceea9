import { createHash } from 'node:crypto';
import { type RawBuilder, sql } from 'kysely';
import { jsonbText } from './jsonb-text';

/** What stands before the first link of a chain. */
export const beginning = Buffer.alloc(32);

/** A link as it is to be, or as it was found. */
export interface Linked {
  readonly position: number;
  /** Of the row in table `audit`, as text. */
  readonly sequence: string;
  /** Of the row. */
  readonly digest: Buffer;
}

/**
 * SHA-256 of a row of table `audit`, computed where the row is: most of what there is to hash never travels. An array of
 * JSON in the one form that PostgreSQL gives it, so nothing can be moved from one field to the next.
 */
export function rowDigest(table: string): RawBuilder<Buffer> {
  const column = (name: string) => sql.ref(`${table}.${name}`);
  return sql<Buffer>`sha256(convert_to('conclave/audit/row/1' || chr(10) || jsonb_build_array(
    ${column('tenant_id')}, ${column('request_id')}, ${column('kind')},
    (extract(epoch from ${column('created_at')}) * 1000000)::bigint, ${column('record')})::text, 'UTF8'))`;
}

/** A row, as whoever has no database sees it. */
export interface RowAsText {
  readonly tenantId: string;
  readonly requestId: string;
  readonly kind: string;
  /** Since 1970. */
  readonly microseconds: number;
  readonly record: unknown;
}

/** The same digest, made here. */
export function digestOf({ tenantId, requestId, kind, microseconds, record }: RowAsText): Buffer {
  const row = jsonbText([tenantId, requestId, kind, microseconds, record]);
  return createHash('sha256').update(`conclave/audit/row/1\n${row}`).digest();
}

/** Ties a row to all before it: its place, its number and its digest, and the hash of the link before. */
export function linkHash(tenantId: string, previous: Buffer, { position, sequence, digest }: Linked): Buffer {
  return createHash('sha256')
    .update(`conclave/audit/link/1\n${JSON.stringify([tenantId, position, sequence])}\n`)
    .update(previous)
    .update(digest)
    .digest();
}

/** What a checkpoint signs. */
export function checkpointText(tenantId: string, position: number, hash: Buffer, signedAt: Date): Buffer {
  return Buffer.from(
    `conclave/audit/checkpoint/1\n${JSON.stringify([tenantId, position, hash.toString('hex'), signedAt.toISOString()])}`,
  );
}
