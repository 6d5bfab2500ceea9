import type { MappingResponse } from '../contract/payload';
import type { Knowledge } from './knowledge';
import type { MapRequest } from './requests';
import { matchSignal } from './rules';
import { collectSignals } from './signals';

/** Why rules answered and no model did (spec/mapper.md 4, a closed set). */
export type FallbackReason =
  | 'model_unavailable'
  | 'model_error'
  | 'timeout'
  | 'validation_failed'
  | 'low_confidence'
  | 'kill_switch'
  | 'budget_exceeded'
  | 'plugin_error';

/** An answer and what the service counts about it. */
export interface TracedMapping {
  readonly response: MappingResponse;
  /** The detector of each signal for which no rule exists. */
  readonly unmapped: readonly string[];
}

const maxCategories = 10;

/**
 * Maps a payload by rules. Pure, and independent of the order of provenance entries; `provenance.ts` is left to the
 * caller, who has a clock.
 *
 * @throws MapperError INVALID_REQUEST for more signals than are allowed
 */
export function mapSignals(
  payload: MapRequest,
  knowledge: Knowledge,
  reason?: FallbackReason,
): MappingResponse {
  return traceMapping(payload, knowledge, reason).response;
}

/** {@link mapSignals} with what its metrics need. */
export function traceMapping(
  payload: MapRequest,
  knowledge: Knowledge,
  reason: FallbackReason = 'model_unavailable',
): TracedMapping {
  const signals = collectSignals(payload);
  const found = new Map<string, number>();
  const unmapped: string[] = [];
  let ruled = false;
  for (const signal of signals) {
    const { category, step, strength } = matchSignal(signal, knowledge.labels);
    found.set(category, Math.max(found.get(category) ?? 0, round(strength * signal.confidence)));
    if (step === 'none') unmapped.push(signal.detector);
    else if (step !== 'malformed') ruled = true;
  }
  if (found.size === 0) found.set('OTHER.Unknown', 0);

  const ranking = [...telling(found, knowledge)]
    .sort(([a, left], [b, right]) => right - left || (a < b ? -1 : 1))
    .slice(0, maxCategories);
  const route = ruled ? 'rules' : 'template';
  const versions = {
    taxonomy: knowledge.taxonomy.version,
    frameworks: knowledge.frameworks.version,
    model: 'none',
  };
  const origin = knowledge.detectors.find(({ detector }) => detector === payload.detector);
  return {
    unmapped,
    response: {
      taxonomy: ranking.map(([category]) => category),
      scores: Object.fromEntries(ranking),
      confidence: ranking[0]?.[1] ?? 0,
      notes:
        `route=${route};reason=${reason};signals=${signals.length};unmapped=${unmapped.length};` +
        `versions:tax=${versions.taxonomy};fw=${versions.frameworks};model=${versions.model}`,
      provenance: {
        ...(origin && { vendor: origin.vendor, detector_version: origin.version }),
        detector: payload.detector,
        route,
        model: versions.model,
        tenant_id: payload.tenant_id,
      },
      version_info: versions,
    },
  };
}

/** Drops reserved categories beside any other, and benign ones beside any that is not. */
function telling(found: ReadonlyMap<string, number>, { categories }: Knowledge): Iterable<[string, number]> {
  const known = [...found].filter(([id]) => !categories.get(id)?.reserved);
  const adverse = known.filter(([id]) => !categories.get(id)?.benign);
  if (adverse.length > 0) return adverse;
  return known.length > 0 ? known : found;
}

/** Scores carry four decimals. */
function round(score: number): number {
  return Math.round(score * 10_000) / 10_000;
}
