import { createHmac } from 'node:crypto';
import type { DetectorResult, Finding } from '../contract/detector-result';
import type { PlannedDetector } from '../contract/plan';
import { normalizeScore } from '../domain/normalize-score';
import { resultWithoutAnswer } from '../domain/results';
import { verdictOf } from '../domain/verdict';
import { redactJson, redactText } from '../security/redact';
import type { DetectorItem, ItemAnswer, RawFinding } from './adapter';
import type { CallFailure } from './call-error';

const maxOutput = 1024;
const maxLabel = 128;
const maxFindings = 100;
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
  fingerprintKey: Buffer,
): DetectorResult {
  const findings = rawFindingsOf(answer).map((finding) => toFinding(finding, detector, item, fingerprintKey));
  const verdict = answer.kind === 'findings' ? strongest(findings) : ownVerdict(answer, detector, item);
  const output = verdict.output.slice(0, maxOutput);
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
    findings: findings.slice(0, maxFindings),
    findings_truncated: findings.length > maxFindings,
  };
}

/** The result of a detector that was called in vain: its last failure, how often and how long it was tried. */
export function failureResult(
  detector: string,
  failure: CallFailure,
  message: string,
  timing: Timing,
): DetectorResult {
  return {
    ...resultWithoutAnswer(detector, failure, timing.processingTimeMs),
    metadata: { attempts: timing.attempts },
    error: `${failure}: ${message.slice(0, 256)}`,
  };
}

interface Verdict {
  readonly output: string;
  readonly confidence: number | null;
  readonly raw: number | boolean | null;
}

function strongest(findings: readonly Finding[]): Verdict {
  const { output, confidence } = verdictOf(findings);
  const source = findings.find((finding) => finding.label === output && finding.strength === confidence);
  return { output, confidence, raw: source?.raw_strength ?? null };
}

function ownVerdict(
  answer: Extract<ItemAnswer, { kind: 'verdict' }>,
  detector: PlannedDetector,
  item: DetectorItem,
): Verdict {
  const { confidence: raw } = answer;
  return {
    output: redactText(answer.output.trim(), item.content),
    confidence: normalizeScore(raw, detector.score_normalization),
    raw: typeof raw === 'number' || typeof raw === 'boolean' ? raw : null,
  };
}

/** The labels that a verdict scores beside its output are findings without a place. */
function rawFindingsOf(answer: ItemAnswer): readonly RawFinding[] {
  if (answer.kind === 'findings') return answer.findings;
  return Object.entries(answer.scores).map(([label, score]) => ({ label, score, start: null, end: null }));
}

function toFinding(raw: RawFinding, detector: PlannedDetector, item: DetectorItem, key: Buffer): Finding {
  const label = cleanLabel(redactText(raw.label, item.content));
  return {
    label,
    raw_strength: typeof raw.score === 'number' && Number.isFinite(raw.score) ? raw.score : null,
    strength: normalizeScore(raw.score, detector.score_normalization) ?? 0,
    start: raw.start,
    end: raw.end,
    fingerprint: fingerprint(key, label, raw, item),
  };
}

/** Keyed, so that it tells nothing of the text to who has no key; equal for the same text under the same label. */
function fingerprint(key: Buffer, label: string, raw: RawFinding, item: DetectorItem): string {
  const matched =
    raw.start === null || raw.end === null ? item.content : sliceCodePoints(item.content, raw.start, raw.end);
  return createHmac('sha256', key).update(label).update('\0').update(matched).digest('hex').slice(0, 32);
}

function sliceCodePoints(text: string, start: number, end: number): string {
  let index = 0;
  let at = 0;
  let from = text.length;
  for (const character of text) {
    if (at === start) from = index;
    if (at === end) break;
    index += character.length;
    at++;
  }
  return text.slice(from, index);
}

/** Single token without the payload's separator (design.md 8). */
function cleanLabel(label: string): string {
  return label
    .trim()
    .replaceAll(/[\s|]+/g, '_')
    .slice(0, maxLabel);
}

type JsonRecord = NonNullable<DetectorResult['metadata']>;

/** The detector's own metadata goes first when both do not fit. */
function bounded(own: JsonRecord, ours: JsonRecord): JsonRecord {
  const all = { ...own, ...ours };
  return Buffer.byteLength(JSON.stringify(all)) <= maxMetadataBytes ? all : ours;
}
