import type { Lateness } from '../activities/types';
import type { DetectorResult } from '../contract/detector-result';
import type { Member, Plan, PlannedDetector } from '../contract/plan';
import { withStandIns } from '../domain/alternates';
import { canAddCoverage } from '../domain/coverage';
import { failureOf } from '../domain/detector-fallback';
import { mostContent } from '../domain/long-content';
import { hasJudged, inPlanOrder, resultWithoutAnswer, skippedResults } from '../domain/results';

/** One member on its way through a run. */
export class MemberState {
  readonly #results = new Map<string, DetectorResult>();
  /** Detectors whose answer is late, and where the next ask takes up. */
  readonly late = new Map<string, Lateness>();
  cancelled = false;

  constructor(
    readonly member: Member,
    private readonly plan: Plan,
  ) {
    for (const result of [...skippedResults(plan), ...member.prior_results]) this.record(result);
    for (const detector of plan.detectors) {
      if (detector.role !== 'alternate' && member.content_length > mostContent(detector)) {
        this.record(resultWithoutAnswer(detector.name, 'content_too_long'));
      }
    }
    if (!canAddCoverage(plan, (name) => this.#wasAvailable(name))) this.#skipUselessCalls();
  }

  record(result: DetectorResult): void {
    this.#results.set(result.detector, result);
    this.late.delete(result.detector);
  }

  /** In the order in which answers list them. */
  get results(): DetectorResult[] {
    return inPlanOrder(this.plan, withStandIns(this.plan, [...this.#results.values()]));
  }

  get hasSuccess(): boolean {
    return this.results.some(hasJudged);
  }

  /** Whether this detector failed in a way that another may stand in for, and there is time left for it. */
  misses({ name }: PlannedDetector): boolean {
    const result = this.#results.get(name);
    return result !== undefined && failureOf(result) !== null && Date.now() < this.member.cut_at;
  }

  /** Whether this detector is still to be asked; one whose predecessor failed is skipped here and now. */
  wants(detector: PlannedDetector): boolean {
    if (this.cancelled || this.#results.has(detector.name)) return false;
    if (this.member.content_length > mostContent(detector)) {
      this.record(resultWithoutAnswer(detector.name, 'content_too_long'));
      return false;
    }
    const ready = detector.depends_on.every((name) => {
      const result = this.#results.get(name);
      return result !== undefined && hasJudged(result);
    });
    if (!ready) this.record(resultWithoutAnswer(detector.name, 'dependency_failed'));
    return ready;
  }

  /** The run was cancelled before these could answer. */
  cancelUnfinished(): void {
    this.cancelled = true;
    for (const { name, role } of this.plan.detectors) {
      if (role === 'primary' && !this.#results.has(name)) this.record(resultWithoutAnswer(name, 'cancelled'));
    }
  }

  #wasAvailable(detector: string): boolean {
    return this.#results.get(detector)?.status === 'success' || (this.member.health_status[detector] ?? true);
  }

  /** Nothing available can add coverage: nothing is called (spec/orchestration.md 5, ALL_DETECTORS_UNAVAILABLE). */
  #skipUselessCalls(): void {
    for (const { name, role } of this.plan.detectors) {
      if (role !== 'alternate' && this.#wasAvailable(name))
        this.record(resultWithoutAnswer(name, 'dependency_failed'));
    }
  }
}
