import { z } from 'zod';
import { decidedNames } from './decided-names';
import type { SelectionInput } from './decisions';

/** What is known of a content without knowing it. */
export interface ContentAnalysis {
  /** Code points. */
  readonly length: number;
  readonly mime: string;
  /** ISO 639-1, from its beginning; null where nothing can be said. */
  readonly language: string | null;
  /** Unicode script of most of its letters, such as `Latin`; null without letters. */
  readonly script: string | null;
  /** Share of lines that read like program code, 0 to 1. */
  readonly code_share: number;
}

/** What Rego sees when it routes by what the content is like: never the content. */
export type ContentRoutingInput = Omit<SelectionInput, 'content_length'> & {
  readonly content: ContentAnalysis;
};

export const contentRoutingSchema = z.object({
  add_detectors: decidedNames.optional(),
  skip_detectors: decidedNames.optional(),
  routing_reason: z.string().max(200).optional(),
});
/** Changes what selection, or the static fields, have chosen. */
export type ContentRouting = z.output<typeof contentRoutingSchema>;
