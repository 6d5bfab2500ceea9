import { z } from 'zod';
import type { OrchestrationResponse } from '../contract/answer';
import type { StoredAnswer } from './orchestrations';

/** What belongs to a request and not to the verdict: every answer out of the cache gets its own (spec/orchestration.md 6). */
const ownFields = [
  'request_id',
  'job_id',
  'processing_mode',
  'total_processing_time_ms',
  'fallback_used',
  'timestamp',
  'idempotency_key',
  'correlation_id',
  'fallback_reasons',
] as const satisfies readonly (keyof OrchestrationResponse)[];
type OwnField = (typeof ownFields)[number];
export type OwnFields = Pick<OrchestrationResponse, OwnField>;

/**
 * An answer with gaps: what is the same for all is serialized once, however often it is given. Bytes, not text: a string
 * put together from many keeps them all, and takes several times the room that its length tells.
 */
export interface CachedAnswer {
  /** Id of the request that was executed. */
  readonly source: string;
  readonly bytes: Buffer;
  /** Where the fields of its own belong, as offsets into the bytes, rising. */
  readonly gaps: readonly { readonly field: OwnField; readonly at: number }[];
}

/** @returns null for an answer that may not be given to another: only a 200 without fallback or error may (section 6) */
export function cachedAnswerOf({ status, body }: StoredAnswer): CachedAnswer | null {
  if (status !== 200) return null;
  const response = JSON.parse(body.toString()) as OrchestrationResponse;
  if (response.fallback_used || response.error_code !== null) return null;
  const pieces: string[] = [];
  const gaps: CachedAnswer['gaps'][number][] = [];
  let length = 0;
  const write = (piece: string) => {
    pieces.push(piece);
    length += Buffer.byteLength(piece);
  };
  Object.entries(response).forEach(([field, value], index) => {
    write(`${index === 0 ? '{' : ','}${JSON.stringify(field)}:`);
    if (isOwn(field)) gaps.push({ field, at: length });
    else write(JSON.stringify(value));
  });
  write('}');
  // Memory of its own: a slice of the pool of small buffers would keep all of that.
  const bytes = Buffer.allocUnsafeSlow(length);
  bytes.write(pieces.join(''));
  return { source: response.request_id, bytes, gaps };
}

export function filledAnswer({ bytes, gaps }: CachedAnswer, own: OwnFields): StoredAnswer {
  let from = 0;
  const parts = gaps.flatMap(({ field, at }) => {
    const same = bytes.subarray(from, at);
    from = at;
    return [same, Buffer.from(JSON.stringify(own[field]))];
  });
  return { status: 200, body: Buffer.concat([...parts, bytes.subarray(from)]) };
}

/** For a store that keeps text. */
export function cachedAnswerText({ source, bytes, gaps }: CachedAnswer): string {
  return JSON.stringify({ source, text: bytes.toString(), gaps });
}

const storedSchema = z.object({
  source: z.string(),
  text: z.string(),
  gaps: z.array(z.object({ field: z.enum(ownFields), at: z.int().min(0) })),
});

/** @throws ZodError or SyntaxError when it is no such text */
export function cachedAnswerFrom(stored: string): CachedAnswer {
  const { source, text, gaps } = storedSchema.parse(JSON.parse(stored));
  return { source, bytes: Buffer.from(text), gaps };
}

function isOwn(field: string): field is OwnField {
  return (ownFields as readonly string[]).includes(field);
}
