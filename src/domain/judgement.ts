import type { OrchestrationResponse } from '../contract/answer';
import type { DetectorResult } from '../contract/detector-result';
import { isWithin } from './categories';
import { counting } from './suppression';

/** Something that a detector said of a content. */
export interface Signal {
  readonly detector: string;
  readonly label: string;
  /** Canonical category; null for a label that no map knows. */
  readonly category: string | null;
  readonly strength: number;
  /** Code points; null for a signal about the whole. */
  readonly start: number | null;
  readonly end: number | null;
  /** A way to say that nothing was found. */
  readonly benign: boolean;
  /** Neither benign nor of a category that is of no interest, and of strength or the bundle's verdict. */
  readonly flags: boolean;
}

/** How labels are read. */
export interface Reading {
  readonly categoryOf: (detector: string, label: string) => string | null;
  /** Labels that say that nothing was found, in lower case. */
  readonly benignLabels: ReadonlySet<string>;
  /** Findings of these, and of categories below them, are of no interest. */
  readonly ignoredCategories: readonly string[];
  /** From which strength on a finding flags the content by itself. */
  readonly threshold: number;
}

export interface Judgement {
  /** The bundle's verdict is adverse, or a detector found something of strength. */
  readonly flagged: boolean;
  readonly signals: readonly Signal[];
}

/** What an answer comes to for a client that knows only flagged and not flagged. */
export function judgementOf(
  { detector_results: results, aggregated_payload: payload }: OrchestrationResponse,
  reading: Reading,
): Judgement {
  const verdict = payload?.metadata.conflict_resolution?.winning_output ?? payload?.output ?? null;
  const signals = results.flatMap((result) => signalsOf(result, verdict, reading));
  return { signals, flagged: signals.some(({ flags }) => flags) };
}

/** Findings that count, and the output of a detector that gave a verdict instead of them. */
function signalsOf(result: DetectorResult, verdict: string | null, reading: Reading): Signal[] {
  if (result.status !== 'success') return [];
  const { detector, output, confidence, findings } = result;
  const said = counting(findings).map(({ label, strength, start, end }) => ({ label, strength, start, end }));
  if (output !== null && output.trim() !== '' && !said.some(({ label }) => label === output)) {
    said.push({ label: output, strength: confidence ?? 1, start: null, end: null });
  }
  return said.map((one) => {
    const category = reading.categoryOf(detector, one.label);
    const benign = reading.benignLabels.has(one.label.toLowerCase());
    const tells = one.strength >= reading.threshold || one.label === verdict;
    return { ...one, detector, category, benign, flags: !benign && tells && !isIgnored(category, reading) };
  });
}

function isIgnored(category: string | null, { ignoredCategories }: Reading): boolean {
  return category !== null && ignoredCategories.some((ignored) => isWithin(category, ignored));
}
