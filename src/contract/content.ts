import { z } from 'zod';
import { type ContentGap, contentGaps } from './enums';

export const contentRefSchema = z
  .string()
  .regex(/^content-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/, {
    error: 'must be what POST /orchestrate/content answered: `content-` and a UUID',
  });

/** Where a content comes from that was a file when it was sent. */
export interface ContentSource {
  /** SHA-256 of the file, in hex. */
  readonly digest: string;
  /** What of it is not in the content. */
  readonly gaps: readonly ContentGap[];
}

/** What can be said of a file without giving away what stands in it. */
export const fileFactsSchema = z.strictObject({
  media_type: z.string(),
  /** Images. */
  width: z.int().positive().nullable(),
  height: z.int().positive().nullable(),
  /** Pages of a PDF, slides, sheets. */
  pages: z.int().nonnegative().nullable(),
  /** Code points of a document's text. */
  characters: z.int().positive().nullable(),
  /** What of it no detector gets. */
  not_extracted: z.array(z.enum(contentGaps)),
});
export type FileFacts = z.output<typeof fileFactsSchema>;

/** Answer of POST /orchestrate/content. */
export const uploadedContentSchema = z
  .strictObject({
    content_ref: contentRefSchema,
    content_type: z.enum(['image', 'document']),
    bytes: z.int().positive(),
    digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
    expires_at: z.iso.datetime(),
    ...fileFactsSchema.shape,
  })
  .meta({ id: 'UploadedContent' });
export type UploadedContent = z.output<typeof uploadedContentSchema>;
export type FileType = UploadedContent['content_type'];
