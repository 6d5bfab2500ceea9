import type { Unjudged } from '../contract/detector-result';
import type { DetectorItem, ItemAnswer, RawFinding } from './adapter';
import { invalid } from './http-client';

/** An answer of findings, as most protocols give. */
export function found(findings: readonly RawFinding[], unjudged: readonly Unjudged[] = []): ItemAnswer {
  return { kind: 'findings', findings, version: null, ...(unjudged.length === 0 ? {} : { unjudged }) };
}

/** A finding about the content as a whole. */
export function label(
  name: string,
  score: unknown,
  more: Pick<RawFinding, 'strength' | 'level'> = {},
): RawFinding {
  return { label: name, score, start: null, end: null, ...more };
}

/** A finding of a detector that says yes or no. */
export function certain(name: string): RawFinding {
  return label(name, true, { strength: 1 });
}

/**
 * The span, in code points, when it lies inside the content.
 * @throws DetectorCallError when it does not
 */
export function insideOf(
  { contentLength }: Pick<DetectorItem, 'contentLength'>,
  start: number,
  end: number,
): { start: number; end: number } {
  if (start > end || end > contentLength) throw invalid('a span lies outside the content');
  return { start, end };
}

/** A gap that has no place. */
export function gap(reason: Unjudged['reason'], labels: readonly string[] | null = null): Unjudged {
  return { reason, start: null, end: null, labels: labels && [...labels] };
}
