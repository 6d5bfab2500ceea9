import { z } from 'zod';
import { contentGaps } from '../../contract/enums';

/** Why a document gave no text. */
export const refusals = ['encrypted', 'damaged', 'unsupported', 'too_complex', 'without_text'] as const;
export type Refusal = (typeof refusals)[number];

/** What of a document is taken out of it before the rest is left. */
export const extractionLimitsSchema = z.strictObject({
  /** UTF-16 units of text. */
  max_characters: z.int().positive(),
  max_pages: z.int().positive(),
  /** Of all parts of an archive together. */
  max_inflated_bytes: z.int().positive(),
  max_entries: z.int().positive(),
});
export type ExtractionLimits = z.output<typeof extractionLimitsSchema>;

/** What the reading process says of its document, as one line of JSON. */
export const extractionOutcomeSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('text'),
    media_type: z.string(),
    text: z.string().min(1),
    pages: z.int().nonnegative(),
    gaps: z.array(z.enum(contentGaps)),
  }),
  z.strictObject({ kind: z.literal('refused'), reason: z.enum(refusals) }),
]);
export type ExtractionOutcome = z.output<typeof extractionOutcomeSchema>;

/** Thrown wherever a document turns out to be none that can be read. */
export class RefusedDocument extends Error {
  override readonly name = 'RefusedDocument';
  constructor(readonly reason: Refusal) {
    super(reason);
  }
}
