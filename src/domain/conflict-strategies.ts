import type { AggregationMethod, ConflictStrategy, ContentType } from '../contract/enums';
import type { PlannedConflict } from '../contract/plan';
import { own } from './collections';
import { type Success, weightedMean } from './results';

/** The successes that gave one output. */
export interface OutputGroup {
  readonly output: string;
  readonly supporters: readonly Success[];
}

/** How strong a group is: the first number decides, each further one only where those before it tie. */
export type Metric = (group: OutputGroup) => readonly number[];

/** Locked (spec/orchestration.md 3.4). */
const defaultStrategies: Readonly<Record<ContentType, AggregationMethod>> = {
  text: 'weighted_average',
  image: 'highest_confidence',
  document: 'most_restrictive',
  code: 'majority_vote',
};

export function defaultStrategy(contentType: ContentType): AggregationMethod {
  return defaultStrategies[contentType];
}

/** The strategy as a mapper payload may name it. */
export function aggregationMethod(strategy: ConflictStrategy, contentType: ContentType): AggregationMethod {
  return strategy === 'tenant_preference' ? defaultStrategy(contentType) : strategy;
}

export interface Ballot {
  readonly groups: readonly OutputGroup[];
  readonly contentType: ContentType;
  readonly conflict: PlannedConflict;
  /** Detector that Rego prefers. */
  readonly preferred: string | null;
}

export function metricOf(strategy: ConflictStrategy, ballot: Ballot): Metric {
  switch (strategy) {
    case 'weighted_average':
      return ({ supporters }) => [weightedMean(supporters)];
    case 'highest_confidence':
      return (group) => [highestConfidence(group)];
    case 'majority_vote': {
      const voters = ballot.groups.reduce((total, { supporters }) => total + supporters.length, 0);
      return ({ supporters }) => [supporters.length / voters];
    }
    case 'most_restrictive':
      return restrictiveness(ballot.conflict.benign_labels);
    case 'tenant_preference':
      return preference(ballot) ?? metricOf(defaultStrategy(ballot.contentType), ballot);
  }
}

export function highestConfidence({ supporters }: OutputGroup): number {
  return Math.max(...supporters.map(({ confidence }) => confidence));
}

export function isSupportedBy(group: OutputGroup, detector: string | null): boolean {
  return group.supporters.some((supporter) => supporter.detector.name === detector);
}

/** Tells labels that say that nothing was found. */
export function benignBy(benignLabels: readonly string[]): (label: string) => boolean {
  const benign = new Set(benignLabels.map((label) => label.toLowerCase()));
  return (label) => benign.has(label.toLowerCase());
}

/** Risk before benign, then severity, then confidence (R22). */
function restrictiveness(benignLabels: readonly string[]): Metric {
  const isBenign = benignBy(benignLabels);
  return (group) => [
    isBenign(group.output) ? 0 : 1,
    Math.max(...group.supporters.map(({ detector }) => own(detector.label_severity, group.output) ?? 0)),
    highestConfidence(group),
  ];
}

/** Null when neither Rego nor the bundle prefers a detector that succeeded. */
function preference({ groups, preferred }: Ballot): Metric | null {
  if (groups.some((group) => isSupportedBy(group, preferred))) {
    return (group) => [isSupportedBy(group, preferred) ? 1 : 0];
  }
  const priorities = ({ supporters }: OutputGroup) =>
    supporters.map(({ detector }) => detector.bundle_priority ?? 0);
  const metric: Metric = (group) => [Math.max(...priorities(group))];
  return groups.some((group) => metric(group).some((priority) => priority > 0)) ? metric : null;
}
