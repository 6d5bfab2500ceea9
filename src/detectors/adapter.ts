import type { Unjudged } from '../contract/detector-result';
import type { ContentType } from '../contract/enums';
import type { DetectorCall } from '../contract/plan';

/** One piece of content for a detector. */
export interface DetectorItem {
  readonly requestId: string;
  readonly content: string;
  /** Code points. */
  readonly contentLength: number;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  /** Which part of a content that was too long in one piece, from 1. */
  readonly part?: number;
}

export interface DetectorRequest {
  readonly detector: string;
  readonly call: DetectorCall;
  readonly contentType: ContentType;
  readonly tenantId: string;
  readonly correlationId: string;
  readonly traceparent: string | null;
  readonly idempotencyKey: string;
  readonly items: readonly DetectorItem[];
}

/** A finding as a wire protocol gives it, offsets already in code points. */
export interface RawFinding {
  readonly label: string;
  readonly score: unknown;
  /** In [0, 1], from protocols with a scale of their own; else the registration's normalization makes it of the score. */
  readonly strength?: number;
  /** The protocol's word for the strength, out of a closed list. */
  readonly level?: string;
  readonly start: number | null;
  readonly end: number | null;
}

/** What a detector said of one item: a list of findings, or one verdict of its own making. */
export type ItemAnswer =
  | {
      readonly kind: 'findings';
      readonly findings: readonly RawFinding[];
      readonly version: string | null;
      /** What of the item the detector did not look at, in code points; absent: nothing. */
      readonly unjudged?: readonly Unjudged[];
    }
  | {
      readonly kind: 'verdict';
      readonly output: string;
      readonly confidence: unknown;
      readonly scores: Readonly<Record<string, unknown>>;
      readonly metadata: Readonly<Record<string, unknown>> | null;
      readonly version: string | null;
    };

/**
 * Speaks one wire protocol: one answer per item, in order.
 * @throws DetectorCallError when the call as a whole gave none
 */
export type DetectorAdapter = (
  request: DetectorRequest,
  signal: AbortSignal,
) => Promise<readonly ItemAnswer[]>;
