import type { DecidedOutcome } from '../contract/decided-outcome';
import type { ContentType } from '../contract/enums';
import {
  type ChangeKind,
  type SimulationReport,
  type Tally,
  type UnknownReason,
} from '../contract/simulation-report';
import { alphabetically } from './compare';
import { type Comparison, coverageTrend } from './simulation-comparison';

/** How labels are sorted into categories; null for one that no map knows. */
export type CategoryOf = (detector: string, label: string) => string | null;

/** A record that was replayed, and how it came out. */
export interface ReplayedRecord {
  readonly requestId: string;
  readonly contentType: ContentType;
  readonly comparison: Comparison;
  /** Findings that an allow-list had suppressed. */
  readonly suppressed: number;
}

/** Of each kind of change; those with the lowest ids, which are random, so that every order gives the same sample. */
const maxExamples = 20;
/** Rows of the tables that labels and names of detectors make long. */
const maxRows = 500;

export const emptyReport: SimulationReport = {
  ...emptyTally(),
  verdicts: [],
  verdicts_omitted: 0,
  statuses: [],
  coverage: { higher: 0, lower: 0 },
  failure_policy_changed: 0,
  detectors: [],
  detectors_omitted: 0,
  fell_back: 0,
  suppressed: { records: 0, findings: 0 },
  unknowns: { by_reason: {}, by_detector: {}, flipped_without_them: 0 },
  by_content_type: {},
  by_category: {},
  examples: {},
};

/** Counts records; a report can be taken up again where it was left. */
export class ReportBuilder {
  readonly #tally: Counts;
  readonly #verdicts: Rows<SimulationReport['verdicts'][number]>;
  readonly #statuses: Rows<SimulationReport['statuses'][number]>;
  readonly #detectors: Rows<SimulationReport['detectors'][number]>;
  readonly #byContentType: Map<ContentType, Counts>;
  readonly #byCategory: Map<string, Counts>;
  readonly #unknownReasons: Map<UnknownReason, number>;
  readonly #unknownDetectors: Map<string, number>;
  readonly #examples: Map<ChangeKind, string[]>;
  #higher: number;
  #lower: number;
  #failurePolicy: number;
  #fellBack: number;
  #flippedWithoutThem: number;
  #suppressed: { readonly records: number; readonly findings: number };

  constructor(
    private readonly categoryOf: CategoryOf,
    from: SimulationReport = emptyReport,
  ) {
    this.#tally = { ...tallyOf(from) };
    this.#verdicts = new Rows(verdictKey, from.verdicts, from.verdicts_omitted);
    this.#statuses = new Rows(({ from: was, to }) => `${was} ${to}`, from.statuses, 0);
    this.#detectors = new Rows(detectorsKey, from.detectors, from.detectors_omitted);
    this.#byContentType = countsIn(from.by_content_type);
    this.#byCategory = countsIn(from.by_category);
    this.#unknownReasons = new Map(Object.entries(from.unknowns.by_reason) as [UnknownReason, number][]);
    this.#unknownDetectors = new Map(Object.entries(from.unknowns.by_detector));
    this.#examples = new Map(Object.entries(from.examples) as [ChangeKind, string[]][]);
    this.#higher = from.coverage.higher;
    this.#lower = from.coverage.lower;
    this.#failurePolicy = from.failure_policy_changed;
    this.#fellBack = from.fell_back;
    this.#flippedWithoutThem = from.unknowns.flipped_without_them;
    this.#suppressed = from.suppressed;
  }

  add({ requestId, contentType, comparison, suppressed }: ReplayedRecord): void {
    const { changes, before, after, unknown } = comparison;
    const categories = categoriesOf(comparison, this.categoryOf);
    const tallies = [
      this.#tally,
      counted(this.#byContentType, contentType),
      ...categories.map((category) => counted(this.#byCategory, category)),
    ];
    for (const tally of tallies) tallyUp(tally, changes);
    for (const change of changes) this.#keepExample(change, requestId);
    if (after && verdictChanged(changes)) {
      this.#verdicts.add({ from: shown(before), to: shown(after), count: 1 });
    }
    if (after && changes.includes('status_changed')) {
      this.#statuses.add({ from: before.status, to: after.status, count: 1 });
    }
    if (changes.includes('routing_changed')) {
      const { added, removed } = comparison;
      this.#detectors.add({ added: [...added], removed: [...removed], count: 1 });
    }
    if (changes.includes('failure_policy_changed')) this.#failurePolicy += 1;
    if (changes.includes('fell_back')) this.#fellBack += 1;
    if (suppressed > 0) {
      const { records, findings } = this.#suppressed;
      this.#suppressed = { records: records + 1, findings: findings + suppressed };
    }
    const trend = coverageTrend(comparison);
    if (trend > 0) this.#higher += 1;
    if (trend < 0) this.#lower += 1;
    if (!unknown) return;
    more(this.#unknownReasons, unknown.reason);
    for (const detector of unknown.detectors) more(this.#unknownDetectors, detector);
    if (unknown.flippedWithoutThem) this.#flippedWithoutThem += 1;
  }

  /** One that nothing else is known of. */
  addUnreadable(requestId: string): void {
    tallyUp(this.#tally, ['unknown']);
    this.#keepExample('unknown', requestId);
    more(this.#unknownReasons, 'record_unreadable');
  }

  get report(): SimulationReport {
    return {
      ...this.#tally,
      verdicts: this.#verdicts.sorted,
      verdicts_omitted: this.#verdicts.omitted,
      statuses: this.#statuses.sorted,
      coverage: { higher: this.#higher, lower: this.#lower },
      failure_policy_changed: this.#failurePolicy,
      detectors: this.#detectors.sorted,
      detectors_omitted: this.#detectors.omitted,
      fell_back: this.#fellBack,
      suppressed: this.#suppressed,
      unknowns: {
        by_reason: sortedEntries(this.#unknownReasons),
        by_detector: sortedEntries(this.#unknownDetectors),
        flipped_without_them: this.#flippedWithoutThem,
      },
      by_content_type: sortedEntries(copied(this.#byContentType)),
      by_category: sortedEntries(copied(this.#byCategory)),
      examples: sortedEntries(this.#examples),
    };
  }

  #keepExample(change: ChangeKind, requestId: string): void {
    const ids = this.#examples.get(change) ?? [];
    if (ids.length === maxExamples && requestId > ids.at(-1)!) return;
    this.#examples.set(change, [...ids, requestId].toSorted(alphabetically).slice(0, maxExamples));
  }
}

type Counts = { -readonly [Name in keyof Tally]: Tally[Name] };

function emptyTally(): Counts {
  return {
    replayed: 0,
    unchanged: 0,
    flipped: 0,
    relabeled: 0,
    coverage_lost: 0,
    coverage_gained: 0,
    unknown: 0,
  };
}

function tallyOf(tally: Tally): Tally {
  const { replayed, unchanged, flipped, relabeled, coverage_lost, coverage_gained, unknown } = tally;
  return { replayed, unchanged, flipped, relabeled, coverage_lost, coverage_gained, unknown };
}

function countsIn<K extends string>(tallies: Readonly<Partial<Record<K, Tally>>>): Map<K, Counts> {
  const entries = Object.entries(tallies) as [K, Tally][];
  return new Map(entries.map(([key, tally]) => [key, { ...tally }]));
}

/** A report does not change when counting goes on. */
function copied<K>(tallies: ReadonlyMap<K, Counts>): Map<K, Tally> {
  return new Map([...tallies].map(([key, tally]) => [key, { ...tally }]));
}

function counted<K>(tallies: Map<K, Counts>, key: K): Counts {
  const known = tallies.get(key) ?? emptyTally();
  tallies.set(key, known);
  return known;
}

function tallyUp(tally: Counts, changes: readonly ChangeKind[]): void {
  tally.replayed += 1;
  if (changes.length === 0) tally.unchanged += 1;
  for (const kind of ['flipped', 'relabeled', 'coverage_lost', 'coverage_gained', 'unknown'] as const)
    if (changes.includes(kind)) tally[kind] += 1;
}

/** Those of the verdicts before and after; a record that was and stays benign is of none. */
function categoriesOf({ before, after }: Comparison, categoryOf: CategoryOf): readonly string[] {
  const found = [before, ...(after ? [after] : [])].flatMap(({ verdict: { kind, label, detector } }) => {
    if (kind !== 'adverse' || label === null) return [];
    const category = categoryOf(detector ?? '', label);
    return category === null ? 'unmapped' : category.split('.', 1)[0]!;
  });
  return found.length === 0 ? ['none'] : [...new Set(found)];
}

function verdictChanged(changes: readonly ChangeKind[]): boolean {
  return changes.includes('flipped') || changes.includes('relabeled');
}

function shown({ verdict: { kind, label } }: DecidedOutcome): SimulationReport['verdicts'][number]['from'] {
  return { kind, label };
}

function verdictKey({ from, to }: SimulationReport['verdicts'][number]): string {
  return JSON.stringify([from.kind, from.label, to.kind, to.label]);
}

function detectorsKey({ added, removed }: SimulationReport['detectors'][number]): string {
  return JSON.stringify([added, removed]);
}

/** Rows that count, as many as there is room for. */
class Rows<Row extends { readonly count: number }> {
  readonly #rows: Map<string, Row>;

  constructor(
    private readonly keyOf: (row: Row) => string,
    rows: readonly Row[],
    public omitted: number,
  ) {
    this.#rows = new Map(rows.map((row) => [keyOf(row), row]));
  }

  add(row: Row): void {
    const key = this.keyOf(row);
    const known = this.#rows.get(key);
    if (!known && this.#rows.size >= maxRows) this.omitted += row.count;
    else this.#rows.set(key, { ...row, count: (known?.count ?? 0) + row.count });
  }

  /** The most frequent first. */
  get sorted(): Row[] {
    return [...this.#rows]
      .toSorted(([keyA, a], [keyB, b]) => b.count - a.count || alphabetically(keyA, keyB))
      .map(([, row]) => row);
  }
}

function more<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function sortedEntries<K extends string, V>(entries: ReadonlyMap<K, V>): Record<K, V> {
  const sorted = [...entries].toSorted(([a], [b]) => alphabetically(a, b));
  return Object.fromEntries(sorted) as Record<K, V>;
}
