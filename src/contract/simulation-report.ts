import { z } from 'zod';
import { contentTypes } from './enums';
import { verdictKinds } from './decided-outcome';

const count = z.int().nonnegative();

/** Ways in which a record can come out differently. */
export const changeKinds = [
  /** Another kind of verdict: what was benign is adverse, or the like. */
  'flipped',
  /** The same kind of verdict under another label. */
  'relabeled',
  'coverage_lost',
  'coverage_gained',
  'status_changed',
  'failure_policy_changed',
  /** Other detectors are asked. */
  'routing_changed',
  /** A rule of the candidate fails, and static fields decide. */
  'fell_back',
  /** It cannot be told what the candidate would decide. */
  'unknown',
] as const;
export type ChangeKind = (typeof changeKinds)[number];

/** Why it cannot be told what a candidate would make of a record. */
export const unknownReasons = [
  /** It asks detectors that did not look then. */
  'detector_did_not_look',
  /** It routes by what the content is like, and that was not recorded. */
  'content_analysis_not_recorded',
  /** The plan of then is not on record, or not in full. */
  'plan_not_recorded',
  /** What was recorded is of a newer release, or damaged. */
  'record_unreadable',
  /** No plan can be made: detectors wait for each other. */
  'no_plan',
] as const;
export type UnknownReason = (typeof unknownReasons)[number];

const tallySchema = z.strictObject({
  replayed: count,
  unchanged: count,
  flipped: count,
  relabeled: count,
  coverage_lost: count,
  coverage_gained: count,
  unknown: count,
});
export type Tally = z.output<typeof tallySchema>;

const verdictSchema = z.strictObject({ kind: z.enum(verdictKinds), label: z.string().nullable() });

/** What a candidate would have made of what was judged in a time, against what was made of it. */
export const simulationReportSchema = tallySchema
  .extend({
    /** From one verdict to another; what has not changed is left out. The most frequent first. */
    verdicts: z.array(z.strictObject({ from: verdictSchema, to: verdictSchema, count })),
    /** Changed verdicts that found no room in `verdicts`. */
    verdicts_omitted: count,
    statuses: z.array(z.strictObject({ from: z.int(), to: z.int(), count })),
    coverage: z.strictObject({ higher: count, lower: count }),
    failure_policy_changed: count,
    /** Which detectors are asked beside those of then, and which of those no more. */
    detectors: z.array(z.strictObject({ added: z.array(z.string()), removed: z.array(z.string()), count })),
    detectors_omitted: count,
    /** Records where static fields stood in for a rule of the candidate that failed. */
    fell_back: count,
    /** Findings that an allow-list had suppressed then; they stay so. */
    suppressed: z.strictObject({ records: count, findings: count }),
    unknowns: z.strictObject({
      by_reason: z.partialRecord(z.enum(unknownReasons), count),
      /** Detectors that did not look then, and on how many records. */
      by_detector: z.record(z.string(), count),
      /** Of the unknown: where those that did look would have given another kind of verdict by themselves. */
      flipped_without_them: count,
    }),
    by_content_type: z.partialRecord(z.enum(contentTypes), tallySchema),
    /** By top category of the verdict before or after; `none` where both were benign or there was none. */
    by_category: z.record(z.string(), tallySchema),
    /** Request ids: a sample of each kind of change. */
    examples: z.partialRecord(z.enum(changeKinds), z.array(z.uuid())),
  })
  .meta({ id: 'SimulationReport' });
export type SimulationReport = z.output<typeof simulationReportSchema>;
