import type { DetectorResult } from '../contract/detector-result';
import type { Plan, PlannedDetector } from '../contract/plan';
import { alternateOf, withStandIns } from './alternates';
import { canAddCoverage, primariesFellShort } from './coverage';
import { failureOf } from './detector-fallback';
import { mostContent } from './long-content';
import { hasJudged, inPlanOrder, resultWithoutAnswer, skippedResults } from './results';

/** What is known of a run that has ended, to have it judged by another plan. */
export interface EndedRun {
  /** Of every detector that was planned then. */
  readonly results: readonly DetectorResult[];
  /** Code points. */
  readonly contentLength: number;
  /** Detectors that were known to be down when it was routed. */
  readonly unavailable: readonly string[];
  /** Its time was up before all were asked. */
  readonly deadlineCut: boolean;
}

export interface Replay {
  /** As an answer would list them; nothing of those that are not known. */
  readonly results: DetectorResult[];
  /** Detectors that the plan would have asked and that did not look then, in plan order. Nobody knows what they would have found. */
  readonly unknown: readonly string[];
}

/**
 * Which of the results of an ended run there would have been under a plan: the rules of workflows/detect-all.ts and
 * member-state.ts, with the answers that are on record. A detector that did not look then is unknown, never clean.
 */
export function replayed(plan: Plan, run: EndedRun): Replay {
  const asking = new Asking(plan, run);
  for (const stage of plan.primary_stages) asking.stage(stage);
  for (const stage of plan.secondary_stages) {
    // Those that are not known are taken to have judged: whoever stands in for them is not asked for that alone.
    if (primariesFellShort(plan, asking.results, asking.unknown)) asking.secondaryStage(stage);
  }
  return {
    results: asking.results,
    unknown: plan.detectors.flatMap(({ name }) => (asking.unknown.has(name) ? [name] : [])),
  };
}

class Asking {
  readonly #known = new Map<string, DetectorResult>();
  readonly #recorded: ReadonlyMap<string, DetectorResult>;
  readonly unknown = new Set<string>();

  constructor(
    private readonly plan: Plan,
    private readonly run: EndedRun,
  ) {
    this.#recorded = new Map(
      run.results.filter(wasAsked).map((result) => [result.detector, asGiven(result)]),
    );
    for (const result of skippedResults(plan)) this.#note(result);
    for (const detector of plan.detectors) {
      if (detector.role !== 'alternate' && this.#isTooLong(detector))
        this.#note(resultWithoutAnswer(detector.name, 'content_too_long'));
    }
    if (!canAddCoverage(plan, (name) => this.#wasAvailable(name))) this.#skipUselessCalls();
  }

  get results(): DetectorResult[] {
    return inPlanOrder(this.plan, withStandIns(this.plan, [...this.#known.values()]));
  }

  stage(names: readonly string[]): void {
    for (const detector of this.#detectors(names)) this.#askWithAlternates(detector);
  }

  /** A run whose time was up had none for stand-ins. */
  secondaryStage(names: readonly string[]): void {
    for (const detector of this.#detectors(names)) {
      if (!this.run.deadlineCut || this.#recorded.has(detector.name)) this.#askWithAlternates(detector);
    }
  }

  #askWithAlternates(detector: PlannedDetector): void {
    this.#ask(detector);
    const passed = [detector];
    for (let missing = detector; this.#misses(missing);) {
      const alternate = alternateOf(this.plan, missing);
      if (!alternate || passed.includes(alternate)) return;
      if (this.run.deadlineCut && !this.#recorded.has(alternate.name)) return;
      this.#ask(alternate);
      passed.push(alternate);
      missing = alternate;
    }
  }

  #ask(detector: PlannedDetector): void {
    const { name } = detector;
    if (this.#known.has(name) || this.unknown.has(name)) return;
    if (this.#isTooLong(detector)) return this.#note(resultWithoutAnswer(name, 'content_too_long'));
    const given = this.#recorded.get(name);
    const failed = detector.depends_on.some((other) => !this.#mayHaveJudged(other));
    if (failed) this.#note(resultWithoutAnswer(name, 'dependency_failed'));
    else if (given) this.#note(given);
    else this.unknown.add(name);
  }

  #mayHaveJudged(name: string): boolean {
    const result = this.#known.get(name);
    return this.unknown.has(name) || (result !== undefined && hasJudged(result));
  }

  #misses({ name }: PlannedDetector): boolean {
    const result = this.#known.get(name);
    return result !== undefined && failureOf(result) !== null;
  }

  #wasAvailable(name: string): boolean {
    return this.#recorded.get(name)?.status === 'success' || !this.run.unavailable.includes(name);
  }

  #skipUselessCalls(): void {
    for (const { name, role } of this.plan.detectors) {
      if (role !== 'alternate' && this.#wasAvailable(name))
        this.#note(resultWithoutAnswer(name, 'dependency_failed'));
    }
  }

  #isTooLong(detector: PlannedDetector): boolean {
    return this.run.contentLength > mostContent(detector);
  }

  #note(result: DetectorResult): void {
    this.#known.set(result.detector, result);
  }

  #detectors(names: readonly string[]): PlannedDetector[] {
    return this.plan.detectors.filter(({ name }) => names.includes(name));
  }
}

/** One that the plan of then left out might have looked under another. */
function wasAsked({ status }: DetectorResult): boolean {
  return status !== 'skipped';
}

/** Whether it stands in for others is for the plan to say. */
function asGiven({ stand_in: standIn, ...result }: DetectorResult): DetectorResult {
  if (!standIn) return result;
  return standIn.strategy === 'alternate' && standIn.age_seconds === null
    ? result
    : { ...result, stand_in: standIn };
}
