import type { BuiltinFinding } from './builtin-detector';
import { codePointIndexer } from './code-points';
import { strongestOfOverlapping, type Candidate } from './overlaps';

/**
 * Findings of one type out of candidates, counted in code points and sorted: of overlapping candidates with one label
 * the strongest stays, while different labels may overlap.
 */
export function reportFindings(
  text: string,
  type: string,
  candidates: readonly Candidate[],
): BuiltinFinding[] {
  const codePoint = codePointIndexer(text);
  const labels = [...new Set(candidates.map(({ label }) => label))];
  return labels
    .flatMap((label) => strongestOfOverlapping(candidates.filter((candidate) => candidate.label === label)))
    .map(({ start, end, label, score }) => ({
      start: codePoint(start),
      end: codePoint(end),
      label,
      type,
      score,
    }))
    .sort((a, b) => a.start - b.start || a.end - b.end);
}
