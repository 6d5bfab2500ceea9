import type { DetectorResult, Finding } from '../contract/detector-result';
import type { FailureCause } from '../contract/enums';
import type { PlannedDetector } from '../contract/plan';
import { isBenign } from '../domain/labels';
import { normalizeScore } from '../domain/normalize-score';
import { resultWithoutAnswer } from '../domain/results';
import { verdictOf } from '../domain/verdict';
import { redactJson, redactText } from '../security/redact';
import type { DetectorItem, ItemAnswer, RawFinding } from './adapter';
import type { CallFailure } from './call-error';
import { type Fingerprint, type FingerprintedAs, fingerprintsOf } from './fingerprints';

const maxOutput = 1024;
const maxLabel = 128;
const maxFindings = 100;
const maxUnjudged = 20;
const maxMetadataBytes = 8 * 1024;

export interface Timing {
  readonly processingTimeMs: number;
  readonly attempts: number;
}

/** A detector's answer on one item as the contract's result (spec/orchestration.md 1.4, design.md 8 "Spans"). */
export function successResult(
  detector: PlannedDetector,
  item: DetectorItem,
  answer: ItemAnswer,
  timing: Timing,
  as: FingerprintedAs,
): DetectorResult {
  const all = rawFindingsOf(answer);
  const said = mostTelling(all, detector).map((raw) => judged(raw, detector, item));
  const verdict = answer.kind === 'findings' ? strongest(said) : ownVerdict(answer, detector, item);
  const output = cut(verdict.output, maxOutput);
  const findings = answer.kind === 'findings' ? said : withVerdict(said, { ...verdict, output });
  const fingerprint = fingerprintsOf(as, detector, item);
  const own = answer.kind === 'verdict' ? redactJson(answer.metadata ?? {}, item.content) : {};
  return {
    detector: detector.name,
    status: 'success',
    output,
    confidence: verdict.confidence,
    metadata: bounded(own as JsonRecord, {
      ...(verdict.raw === null ? {} : { raw_confidence: verdict.raw }),
      attempts: timing.attempts,
      detector_version: redactText(answer.version ?? detector.version, item.content),
      ...(output.length < verdict.output.length ? { output_truncated: true } : {}),
    }),
    processing_time_ms: timing.processingTimeMs,
    error: null,
    findings: withoutWeakest(findings).map((finding) => toFinding(finding, fingerprint)),
    findings_truncated: all.length > maxFindings || findings.length > maxFindings,
    ...unjudgedOf(answer),
  };
}

/** The result of a detector that was called in vain: its last failure, how often and how long it was tried. */
export function failureResult(
  detector: string,
  failure: CallFailure,
  message: string,
  timing: Timing,
  cause?: FailureCause,
): DetectorResult {
  return {
    ...resultWithoutAnswer(detector, failure, timing.processingTimeMs, cause),
    metadata: { attempts: timing.attempts },
    error: `${failure}: ${message.slice(0, 256)}`,
  };
}

interface Verdict {
  readonly output: string;
  readonly confidence: number | null;
  readonly raw: number | boolean | null;
}

/** A finding with its label cleaned and its score normalized, raw score beside it. */
interface JudgedFinding {
  readonly label: string;
  readonly raw: number | boolean | null;
  readonly level: string | null;
  readonly strength: number;
  readonly start: number | null;
  readonly end: number | null;
  /** It is what the detector makes of the whole. */
  readonly verdict?: true;
}

function strongest(findings: readonly JudgedFinding[]): Verdict {
  const { output, confidence } = verdictOf(findings);
  const source = findings.find((finding) => finding.label === output && finding.strength === confidence);
  return { output, confidence, raw: source?.raw ?? null };
}

/** In the detector's order; when there are too many, the strongest of them, before any work is done on the others. */
function mostTelling(findings: readonly RawFinding[], detector: PlannedDetector): readonly RawFinding[] {
  if (findings.length <= maxFindings) return findings;
  const byStrength = findings
    .map((finding) => ({ finding, strength: strengthOf(finding, detector) }))
    .toSorted((a, b) => b.strength - a.strength);
  const kept = new Set(byStrength.slice(0, maxFindings).map(({ finding }) => finding));
  return findings.filter((finding) => kept.has(finding));
}

function strengthOf({ score, strength }: RawFinding, { score_normalization }: PlannedDetector): number {
  return strength ?? normalizeScore(score, score_normalization) ?? 0;
}

function unjudgedOf(answer: ItemAnswer): Pick<DetectorResult, 'unjudged'> {
  if (answer.kind !== 'findings' || !answer.unjudged || answer.unjudged.length === 0) return {};
  return { unjudged: answer.unjudged.slice(0, maxUnjudged) };
}

function ownVerdict(
  answer: Extract<ItemAnswer, { kind: 'verdict' }>,
  detector: PlannedDetector,
  item: DetectorItem,
): Verdict {
  const { confidence: raw } = answer;
  return {
    // The bar separates the outputs in the mapper's payload.
    output: redactText(answer.output.trim(), item.content).replaceAll('|', '_'),
    confidence: normalizeScore(raw, detector.score_normalization),
    raw: usableRaw(raw),
  };
}

function usableRaw(score: unknown): number | boolean | null {
  return typeof score === 'boolean' || (typeof score === 'number' && Number.isFinite(score)) ? score : null;
}

/** The labels that a verdict scores beside its output are findings without a place. */
function rawFindingsOf(answer: ItemAnswer): readonly RawFinding[] {
  if (answer.kind === 'findings') return answer.findings;
  return Object.entries(answer.scores).map(([label, score]) => ({ label, score, start: null, end: null }));
}

function judged(raw: RawFinding, detector: PlannedDetector, item: DetectorItem): JudgedFinding {
  return {
    label: cleanLabel(redactText(raw.label, item.content)),
    raw: usableRaw(raw.score),
    level: raw.level ?? null,
    strength: strengthOf(raw, detector),
    start: raw.start,
    end: raw.end,
  };
}

/** The verdict of a detector that gives one instead of findings is its finding, unless it says that there is nothing. */
function withVerdict(
  scores: readonly JudgedFinding[],
  { output, confidence, raw }: Verdict,
): JudgedFinding[] {
  if (output === '' || isBenign(output)) return [...scores];
  const verdict = true as const;
  const asLabel = cleanLabel(output);
  if (scores.some(({ label }) => label === asLabel))
    return scores.map((score) => (score.label === asLabel ? { ...score, verdict } : score));
  // At full strength without a number: it is what the detector says.
  const own = { label: output, raw, level: null, strength: confidence ?? 1, start: null, end: null, verdict };
  return [own, ...scores];
}

/** The verdict comes on top of as many scores as there may be findings. */
function withoutWeakest(findings: readonly JudgedFinding[]): readonly JudgedFinding[] {
  if (findings.length <= maxFindings) return findings;
  const scores = findings.filter(({ verdict }) => !verdict);
  const weakest = scores.reduce((least, next) => (next.strength <= least.strength ? next : least));
  return findings.filter((finding) => finding !== weakest);
}

function toFinding(finding: JudgedFinding, fingerprint: Fingerprint): Finding {
  const { label, raw, level, strength, start, end, verdict } = finding;
  return {
    label,
    raw_strength: typeof raw === 'number' ? raw : null,
    ...(level === null ? {} : { raw_level: level }),
    strength,
    start,
    end,
    fingerprint: fingerprint(finding),
    ...(verdict && { verdict }),
  };
}

/** Single token without the payload's separator (design.md 8). */
function cleanLabel(label: string): string {
  return cut(label.trim().replaceAll(/[\s|]+/g, '_'), maxLabel);
}

/** The first so many code points. */
function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  return [...text.slice(0, 2 * max)].slice(0, max).join('');
}

type JsonRecord = NonNullable<DetectorResult['metadata']>;

/** The detector's own metadata goes first when both do not fit. */
function bounded(own: JsonRecord, ours: JsonRecord): JsonRecord {
  const all = { ...own, ...ours };
  return Buffer.byteLength(JSON.stringify(all)) <= maxMetadataBytes ? all : ours;
}
