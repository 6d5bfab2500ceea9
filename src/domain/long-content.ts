import type { PlannedDetector } from '../contract/plan';

/** Most calls that one content may cost at one detector. */
export const maxParts = 64;
/** Each part begins this far, as a share of the detector's length, before the one before it ends. */
const overlapShare = 1 / 8;
/** Enough to see an address or a name whole on both sides of a cut; more would be judged twice for nothing. */
const maxOverlap = 200;
/** A cut is not made before this share of the detector's length, however much earlier a sentence ends. */
const leastShare = 3 / 4;

/** Code points of a part that the next one repeats. */
export function overlapOf(maxLength: number): number {
  return Math.min(maxOverlap, Math.floor(maxLength * overlapShare));
}

/** Fewest code points of a part that is not the last. */
export function leastPart(maxLength: number): number {
  return Math.ceil(maxLength * leastShare);
}

/** Most code points of a content that a detector judges, whole or in parts. */
export function mostContent({
  max_content_length: maxLength,
  long_content,
}: Pick<PlannedDetector, 'max_content_length' | 'long_content'>): number {
  if (long_content !== 'split') return maxLength;
  // Every part but the last goes on by at least this much.
  return maxLength + (maxParts - 1) * (leastPart(maxLength) - overlapOf(maxLength));
}
