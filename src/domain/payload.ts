import { ConclaveError } from '../contract/errors';
import type { DetectorResult } from '../contract/detector-result';
import type { MapperPayload } from '../contract/payload';
import type { Plan } from '../contract/plan';
import { groupedBy, without } from './collections';
import { alphabetically, rounded } from './compare';
import type { ConflictResolution } from './conflict';
import { aggregationMethod } from './conflict-strategies';
import { type Success, successesOf, weightedMean } from './results';
import { counting } from './suppression';

/** Most bytes of a serialized payload (spec/orchestration.md 1.7). */
const maxBytes = 65_536;
const maxScores = 100;

/** The results cannot be handed to the mapper within its bounds; the message holds no content. */
export class AggregationError extends ConclaveError {
  constructor(message: string) {
    super('AGGREGATION_FAILED', message);
  }
}

interface Aggregate {
  readonly plan: Plan;
  readonly requestId: string;
  readonly results: readonly DetectorResult[];
  /** Unrounded. */
  readonly coverage: number;
  readonly conflict: ConflictResolution | null;
}

/**
 * The hand-off to the mapper (spec/orchestration.md 1.7). Too large, it first loses its additive keys and then the
 * outputs of its provenance, never one of the distinct outputs.
 * @throws AggregationError when it is too large even so
 */
export function buildPayload(aggregate: Aggregate): MapperPayload {
  const successes = successesOf(aggregate.plan, aggregate.results);
  const core = corePayload(aggregate, successes);
  const full = { ...core, metadata: { ...core.metadata, ...additiveMetadata(aggregate) } };
  const fitting = [full, core, withoutProvenanceOutputs(core)].find(
    (payload) => utf8Length(JSON.stringify(payload)) <= maxBytes,
  );
  if (!fitting) throw new AggregationError(`the mapper payload exceeds ${maxBytes} bytes`);
  return fitting;
}

function corePayload({ plan, coverage, conflict }: Aggregate, successes: readonly Success[]): MapperPayload {
  const outputs = new Set(successes.map(({ output }) => output).filter((output) => output !== ''));
  return {
    detector: 'orchestrated-multi',
    output: outputs.size === 0 ? 'none' : [...outputs].join('|'),
    tenant_id: plan.tenant_id,
    metadata: {
      contributing_detectors: successes.map(({ detector }) => detector.name),
      normalized_scores: normalizedScores(successes),
      conflict_resolution_applied: conflict !== null,
      aggregation_method: aggregationMethod(
        conflict?.strategy_used ?? 'highest_confidence',
        plan.content_type,
      ),
      coverage_achieved: rounded(coverage),
      provenance: successes.map(({ detector, result, output }) => ({
        detector: detector.name,
        ...(result.confidence !== null && { confidence: rounded(result.confidence) }),
        ...(output !== '' && { output }),
        processing_time_ms: result.processing_time_ms,
      })),
    },
  };
}

function additiveMetadata({ plan, requestId, conflict }: Aggregate): Partial<MapperPayload['metadata']> {
  return {
    ...(conflict && { conflict_resolution: without(conflict, 'winning_result') }),
    coverage_method: plan.coverage.method,
    request_id: requestId,
    policy: { bundle: plan.policy_bundle, version: plan.policy_version },
    version_info: plan.version_info,
  };
}

function withoutProvenanceOutputs(payload: MapperPayload): MapperPayload {
  const provenance = payload.metadata.provenance.map((entry) => without(entry, 'output'));
  return { ...payload, metadata: { ...payload.metadata, provenance } };
}

/**
 * Labels exactly as the detectors sent them, the 100 highest (3.3): the weighted mean of those that output a label,
 * or of those that only found it beside their output, whichever is higher.
 */
function normalizedScores(successes: readonly Success[]): Record<string, number> {
  const asOutput = meansByLabel(successes.map((success) => ({ ...success, label: success.output })));
  const beside = meansByLabel(successes.flatMap(labelsBesideOutput));
  const labels = new Set([...asOutput.keys(), ...beside.keys()]);
  const scores = [...labels].map((label): [string, number] => [
    label,
    Math.max(asOutput.get(label) ?? 0, beside.get(label) ?? 0),
  ]);
  const highestFirst = scores.toSorted(([labelA, a], [labelB, b]) => b - a || alphabetically(labelA, labelB));
  return Object.fromEntries(
    highestFirst.slice(0, maxScores).map(([label, score]) => [label, rounded(score)]),
  );
}

interface LabelVote {
  readonly label: string;
  readonly weight: number;
  readonly confidence: number;
}

function labelsBesideOutput({ result, output, weight }: Success): LabelVote[] {
  const byLabel = groupedBy(counting(result.findings), ({ label }) => label.trim());
  byLabel.delete(output);
  return [...byLabel].map(([label, findings]) => ({
    label,
    weight,
    confidence: Math.max(...findings.map(({ strength }) => strength)),
  }));
}

function meansByLabel(votes: readonly LabelVote[]): Map<string, number> {
  const byLabel = groupedBy(votes, ({ label }) => label);
  byLabel.delete('');
  return new Map([...byLabel].map(([label, group]) => [label, weightedMean(group)]));
}

/** Bytes of a text in UTF-8; the workflow sandbox has neither Buffer nor TextEncoder for certain. */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    if (point < 0x80) bytes += 1;
    else if (point < 0x800) bytes += 2;
    else if (point < 0x10000) bytes += 3;
    else bytes += 4;
  }
  return bytes;
}
