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

/** An answer as text with gaps: what is the same for all is serialized once, however often it is given. */
export interface CachedAnswer {
  /** Id of the request that was executed. */
  readonly source: string;
  /** One more than there are gaps. */
  readonly pieces: readonly string[];
  readonly gaps: readonly OwnField[];
}
export const cachedAnswerSchema: z.ZodType<CachedAnswer> = z.object({
  source: z.string(),
  pieces: z.array(z.string()),
  gaps: z.array(z.enum(ownFields)),
});

/** @returns null for an answer that may not be given to another: only a 200 without fallback or error may (section 6) */
export function cachedAnswerOf({ status, body }: StoredAnswer): CachedAnswer | null {
  if (status !== 200) return null;
  const response = JSON.parse(body.toString()) as OrchestrationResponse;
  if (response.fallback_used || response.error_code !== null) return null;
  const pieces: string[] = [];
  const gaps: OwnField[] = [];
  let piece = '{';
  Object.entries(response).forEach(([field, value], index) => {
    piece += `${index === 0 ? '' : ','}${JSON.stringify(field)}:`;
    if (isOwn(field)) {
      pieces.push(piece);
      gaps.push(field);
      piece = '';
    } else {
      piece += JSON.stringify(value);
    }
  });
  return { source: response.request_id, pieces: [...pieces, `${piece}}`], gaps };
}

export function filledAnswer({ pieces, gaps }: CachedAnswer, own: OwnFields): StoredAnswer {
  let text = pieces[0]!;
  gaps.forEach((field, index) => (text += JSON.stringify(own[field]) + pieces[index + 1]!));
  return { status: 200, body: Buffer.from(text) };
}

function isOwn(field: string): field is OwnField {
  return (ownFields as readonly string[]).includes(field);
}
