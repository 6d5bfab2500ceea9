import type { DetectorResult, Finding } from '../contract/detector-result';
import { without } from './collections';
import { isBenign } from './labels';
import { type Verdict, verdictOf } from './verdict';

/** The entry of an allow-list that a finding of a detector is under; null: none. */
export type AllowedBy = (detector: string, finding: Finding) => string | null;

/** From which score on a label still stands when the verdict that it stood beside is suppressed. */
const standsAlone = 0.5;

/** Findings that count for verdicts. */
export function counting(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ suppressed_by: by }) => by === undefined);
}

/** The entries that findings of a result are under, one for each. */
export function suppressionsIn({ findings }: Pick<DetectorResult, 'findings'>): string[] {
  return findings.flatMap(({ suppressed_by: by }) => by ?? []);
}

/**
 * A result with the findings that are allowed marked as such, and the verdict as it is without them. The detector has
 * judged all the same, so coverage stays. What says that nothing was found cannot be suppressed.
 */
export function withSuppressions(result: DetectorResult, allowedBy: AllowedBy): DetectorResult {
  if (result.status !== 'success') return result;
  const findings = result.findings.map((finding) => {
    const by = isBenign(finding.label) ? null : allowedBy(result.detector, finding);
    return by === null ? finding : { ...finding, suppressed_by: by };
  });
  if (counting(findings).length === findings.length) return result;
  const verdict = verdictLeft(result, findings);
  if (!verdict) return { ...result, findings };
  const { output, confidence } = verdict;
  const unsuppressed = { output: result.output, confidence: result.confidence };
  return {
    ...result,
    output,
    confidence,
    metadata: metadataFor(result, findings, verdict),
    findings,
    unsuppressed,
  };
}

/** As the detector gave it. */
export function withoutSuppressions(result: DetectorResult): DetectorResult {
  const { unsuppressed, ...rest } = result;
  if (counting(result.findings).length === result.findings.length) return rest;
  const findings = result.findings.map((finding) => without(finding, 'suppressed_by'));
  return { ...rest, ...unsuppressed, findings };
}

/** Null: what the detector said stands. */
function verdictLeft(result: DetectorResult, findings: readonly Finding[]): Verdict | null {
  const own = findings.find(({ verdict }) => verdict);
  const isGone = own
    ? own.suppressed_by !== undefined
    : findings.some(({ label, suppressed_by: by }) => by !== undefined && label === result.output);
  if (!isGone) return null;
  const left = counting(findings).filter(
    ({ label, strength }) => !own || (strength >= standsAlone && !isBenign(label)),
  );
  // There were more than are known: one of those may count.
  if (left.length === 0 && result.findings_truncated) return null;
  return verdictOf(left);
}

function metadataFor(
  { metadata }: DetectorResult,
  findings: readonly Finding[],
  { output, confidence }: Verdict,
): DetectorResult['metadata'] {
  if (metadata === null) return null;
  const source = counting(findings).find(
    ({ label, strength }) => label === output && strength === confidence,
  );
  const raw = source?.raw_strength ?? null;
  return { ...without(metadata, 'raw_confidence'), ...(raw !== null && { raw_confidence: raw }) };
}
