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

/** An answer that others may have, as it is until the first of them asks: most are never asked for again. */
export class KeptAnswer {
  #answer: Buffer | CachedAnswer;

  private constructor(body: Buffer) {
    this.#answer = withMemoryOfItsOwn(body);
  }

  /** @returns null for an answer that may not be given to another: only a 200 without fallback or error may (section 6) */
  static of({ status, body }: StoredAnswer): KeptAnswer | null {
    return status === 200 && isWithoutFallback(body) ? new KeptAnswer(body) : null;
  }

  /** In bytes. */
  get size(): number {
    return (Buffer.isBuffer(this.#answer) ? this.#answer : this.#answer.bytes).length;
  }

  get answer(): CachedAnswer {
    return (this.#answer = Buffer.isBuffer(this.#answer) ? withGaps(this.#answer) : this.#answer);
  }
}

const fallbackField = Buffer.from('"fallback_used":');
const noFallback = Buffer.from('false,"error_code":null,');

/** Told by the bytes, as `finalAnswer` writes them: only words of others come before these fields, and none behind them has their name. */
function isWithoutFallback(body: Buffer): boolean {
  const from = body.lastIndexOf(fallbackField) + fallbackField.length;
  return body.subarray(from, from + noFallback.length).equals(noFallback);
}

/** A slice of the pool of small buffers would keep all of that. */
function withMemoryOfItsOwn(body: Buffer): Buffer {
  const bytes = Buffer.allocUnsafeSlow(body.length);
  body.copy(bytes);
  return bytes;
}

function withGaps(body: Buffer): CachedAnswer {
  const response = JSON.parse(body.toString()) as OrchestrationResponse;
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
  return { source: response.request_id, bytes: withMemoryOfItsOwn(Buffer.from(pieces.join(''))), gaps };
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
