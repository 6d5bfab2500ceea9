import type { Finding } from '../contract/detector-result';
import { alphabetically } from './compare';

export interface Verdict {
  readonly output: string;
  readonly confidence: number;
  /** Highest strength per label, the output's own included. */
  readonly scores: Readonly<Record<string, number>>;
}

/** Low on purpose: four clean detectors must not outvote one that is sure (design.md 8). */
const clean: Verdict = { output: 'clean', confidence: 0.6, scores: {} };

/** The one verdict of many findings: the label of highest strength, ties by label. */
export function verdictOf(findings: readonly Pick<Finding, 'label' | 'strength'>[]): Verdict {
  const strongest = new Map<string, number>();
  for (const { label, strength } of findings) {
    strongest.set(label, Math.max(strength, strongest.get(label) ?? 0));
  }
  const [first] = [...strongest].toSorted(
    ([labelA, a], [labelB, b]) => b - a || alphabetically(labelA, labelB),
  );
  if (!first) return clean;
  return { output: first[0], confidence: first[1], scores: Object.fromEntries(strongest) };
}
