import { MapperError } from './errors';
import { fold } from './fold';
import type { MapRequest } from './requests';

const maxSignals = 100;

/** What a payload says when its detectors reported nothing. */
const nothingReported = 'none';

/** One raw label that one detector reported, spelled as given. */
export interface Signal {
  readonly detector: string;
  readonly label: string;
  /** In [0, 1]. */
  readonly confidence: number;
}

/** The labels of a detector output. */
export function splitOutput(output: string): string[] {
  return output.split('|');
}

/**
 * The signals of a payload (spec/mapper.md 4, step 5): those of the provenance, then the tokens of `output` that no
 * provenance entry has. Empty when the payload only says that nothing was reported.
 *
 * @throws MapperError INVALID_REQUEST for more than {@link maxSignals}, since dropping some would hide findings
 */
export function collectSignals({ detector, output, metadata }: MapRequest): Signal[] {
  const hints = metadata.normalized_scores ?? {};
  const hintFor = (label: string): number => (Object.hasOwn(hints, label) ? hints[label]! : 1);
  const signals: Signal[] = [];
  for (const entry of metadata.provenance ?? []) {
    if (entry.output === undefined) continue;
    for (const label of splitOutput(entry.output)) {
      signals.push({ detector: entry.detector, label, confidence: entry.confidence ?? hintFor(label) });
    }
  }
  const reported = new Set(signals.map(({ label }) => fold(label)));
  for (const label of splitOutput(output)) {
    const folded = fold(label);
    if (reported.has(folded)) continue;
    reported.add(folded);
    signals.push({ detector, label, confidence: hintFor(label) });
  }
  if (signals.every(({ label }) => label === nothingReported)) return [];
  if (signals.length > maxSignals) {
    throw new MapperError('INVALID_REQUEST', `The payload holds more than ${maxSignals} signals.`, {
      detail: 'too_many_signals',
    });
  }
  return signals;
}
