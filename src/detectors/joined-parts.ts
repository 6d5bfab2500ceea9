import type { Unjudged } from '../contract/detector-result';
import type { ItemAnswer, RawFinding } from './adapter';
import { DetectorCallError } from './call-error';

/** What became of one part of a content; start and length in code points. */
export interface JudgedPart {
  readonly start: number;
  readonly length: number;
  readonly answer: ItemAnswer | DetectorCallError;
}

/**
 * One answer of those of all parts, in order. A part that failed takes the content with it while another attempt is
 * worth its time; after that, what the others found stands beside what was not judged.
 */
export function joinParts(
  parts: readonly JudgedPart[],
  mayTryAgain: boolean,
): ItemAnswer | DetectorCallError {
  const errors = parts.flatMap(({ answer }) => (answer instanceof DetectorCallError ? answer : []));
  const passing = errors.find(({ options }) => options.retryable);
  if (passing && (mayTryAgain || errors.length === parts.length)) return passing;
  if (errors.length === parts.length) return errors[0]!;
  const found = parts.flatMap((part, index) => findingsOf(part).map((finding) => ({ finding, part: index })));
  return {
    kind: 'findings',
    findings: withoutRepeats(found),
    version: parts.map(({ answer }) => ('version' in answer ? answer.version : null)).find(Boolean) ?? null,
    unjudged: parts.flatMap(unjudgedOf),
  };
}

interface Found {
  readonly finding: RawFinding;
  readonly part: number;
}

function findingsOf({ answer, start }: JudgedPart): RawFinding[] {
  if (answer instanceof DetectorCallError) return [];
  if (answer.kind === 'verdict') throw new TypeError('verdicts of parts make no verdict of the whole');
  return answer.findings.map((finding) => ({
    ...finding,
    start: finding.start === null ? null : finding.start + start,
    end: finding.end === null ? null : finding.end + start,
  }));
}

function unjudgedOf({ answer, start, length }: JudgedPart): Unjudged[] {
  const end = start + length;
  if (answer instanceof DetectorCallError) return [{ reason: 'part_failed', start, end, labels: null }];
  if (answer.kind === 'verdict') return [];
  return (answer.unjudged ?? []).map((gap) => ({
    ...gap,
    start: start + (gap.start ?? 0),
    end: gap.end === null ? end : start + gap.end,
  }));
}

/**
 * What stands in an overlap is found by both parts, or whole by one and cut off by the other: it goes once, at its
 * longest. Labels without a place go once, at their strongest.
 */
function withoutRepeats(found: readonly Found[]): RawFinding[] {
  return [...longestOf(found.filter(isPlaced)), ...strongestOf(found.filter((one) => !isPlaced(one)))];
}

function isPlaced({ finding }: Found): boolean {
  return finding.start !== null && finding.end !== null;
}

function longestOf(placed: readonly Found[]): RawFinding[] {
  const inOrder = placed.toSorted(
    (a, b) =>
      a.finding.start! - b.finding.start! ||
      b.finding.end! - a.finding.end! ||
      weight(b.finding) - weight(a.finding),
  );
  // By label and part, how far its findings so far reach; neighbors alone share text.
  const reach = new Map<string, Map<number, number>>();
  return inOrder.flatMap(({ finding, part }) => {
    const ofLabel = reach.get(finding.label) ?? new Map<number, number>();
    reach.set(finding.label, ofLabel);
    if ([part - 1, part + 1].some((other) => (ofLabel.get(other) ?? -1) >= finding.end!)) return [];
    ofLabel.set(part, Math.max(ofLabel.get(part) ?? 0, finding.end!));
    return finding;
  });
}

function strongestOf(unplaced: readonly Found[]): RawFinding[] {
  const byLabel = new Map<string, RawFinding>();
  for (const { finding } of unplaced) {
    const other = byLabel.get(finding.label);
    if (!other || weight(finding) > weight(other)) byLabel.set(finding.label, finding);
  }
  return [...byLabel.values()];
}

function weight({ strength, score }: RawFinding): number {
  return strength ?? (typeof score === 'number' ? score : 0);
}
