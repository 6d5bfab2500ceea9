import type { DetectorResult } from '../contract/detector-result';
import { rounded } from './compare';

/** Results as an answer shows them: scores with at most six decimals, where the domain computes unrounded. */
export function onWire(results: readonly DetectorResult[]): DetectorResult[] {
  return results.map((result) => ({
    ...result,
    confidence: result.confidence === null ? null : rounded(result.confidence),
    findings: result.findings.map((finding) => ({ ...finding, strength: rounded(finding.strength) })),
  }));
}
