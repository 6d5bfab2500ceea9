import { leastPart, overlapOf } from '../domain/long-content';

/** A stretch of a content; start and length in code points. */
export interface Part {
  readonly content: string;
  readonly start: number;
  readonly length: number;
}

/** From the border that a reader would choose to the one that only keeps characters whole. */
const borders = (['sentence', 'word', 'grapheme'] as const).map(
  (granularity) => new Intl.Segmenter(undefined, { granularity }),
);
const words = borders[1]!;

/**
 * Cuts a content into parts of at most so many code points, at ends of sentences where there are any. Parts overlap,
 * so that what stands across a cut is whole in one of them.
 */
export function partsOf(content: string, maxLength: number): Part[] {
  const points = [...content];
  const textOf = (from: number, to: number): string => points.slice(from, to).join('');
  const parts: Part[] = [];
  let start = 0;
  while (points.length - start > maxLength) {
    const length = cutOf(textOf(start, start + maxLength), maxLength);
    parts.push({ content: textOf(start, start + length), start, length });
    const end = start + length;
    const back = overlapOf(maxLength);
    start = end - back + firstWordAt(textOf(end - back, end));
  }
  parts.push({ content: textOf(start, points.length), start, length: points.length - start });
  return parts;
}

/** Where a text that goes on is best cut, in code points. */
function cutOf(text: string, maxLength: number): number {
  for (const segmenter of borders) {
    const last = [...segmenter.segment(text)].at(-1)?.index ?? 0;
    const length = lengthOf(text.slice(0, last));
    if (length >= leastPart(maxLength)) return length;
  }
  return maxLength;
}

/** Where the first word begins that the stretch does not begin in the middle of; 0 when there is none. */
function firstWordAt(text: string): number {
  const [, second] = words.segment(text);
  return second ? lengthOf(text.slice(0, second.index)) : 0;
}

function lengthOf(text: string): number {
  return [...text].length;
}
