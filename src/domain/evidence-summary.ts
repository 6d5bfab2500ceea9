import {
  type EvidenceApproval,
  type EvidenceControl,
  type EvidenceIncident,
  type EvidenceMapping,
  mappingStates,
} from '../contract/evidence';
import { atLeast, rounded } from './compare';
import { evidenceControls, type FrameworkFacts, isEvidenceFor } from './evidence-mapping';

/** What a package comes to; counts, means and times alone are kept, however long the period. */
export class EvidenceSummary {
  readonly #all = new Tally();
  readonly #controls: ReadonlyMap<string, ControlTally>;
  readonly #incidents = { resolved: 0, open: 0, seconds: 0, longest: 0 };
  readonly #approvals: Record<string, number> = {};
  readonly #states: Record<string, number> = Object.fromEntries(mappingStates.map((state) => [state, 0]));
  #answeredFromOthers = 0;

  constructor(facts: FrameworkFacts) {
    const controls = evidenceControls(facts);
    this.#controls = new Map(controls.map((one) => [one.control_id, new ControlTally(one, facts)]));
  }

  addVerdict(mapping: EvidenceMapping): void {
    this.#all.add(mapping);
    this.#states[mapping.mapping]! += 1;
    if (mapping.answered_from !== null) this.#answeredFromOthers += 1;
    for (const control of mapping.controls) this.#controls.get(control)?.add(mapping);
  }

  addIncident({ seconds_to_resolve: seconds }: EvidenceIncident): void {
    const incidents = this.#incidents;
    if (seconds === null) {
      incidents.open += 1;
      return;
    }
    incidents.resolved += 1;
    incidents.seconds += seconds;
    incidents.longest = Math.max(incidents.longest, seconds);
  }

  addApproval({ decision }: EvidenceApproval): void {
    this.#approvals[decision] = (this.#approvals[decision] ?? 0) + 1;
  }

  get figures() {
    const { resolved, open, seconds, longest } = this.#incidents;
    const controls = [...this.#controls.values()];
    return {
      verdicts: {
        ...this.#all.figures,
        answered_from_others: this.#answeredFromOthers,
        mapping: { ...this.#states },
      },
      controls: controls.map(({ figures }) => figures),
      /** Categories would be evidence for them, and no verdict had one. */
      without_evidence: controls.filter((one) => one.isEmpty && !one.isOutside).map(({ id }) => id),
      /** No category of the taxonomy is evidence for them: evidence must come from elsewhere. */
      never_evidenced: controls.filter(({ isOutside }) => isOutside).map(({ id }) => id),
      incidents: {
        resolved,
        open,
        mean_seconds_to_resolve: resolved === 0 ? null : rounded(seconds / resolved),
        longest_seconds: resolved === 0 ? null : longest,
      },
      approvals: { ...this.#approvals },
    };
  }
}
export type EvidenceFigures = EvidenceSummary['figures'];

class Tally {
  #verdicts = 0;
  readonly #kinds = { adverse: 0, benign: 0, none: 0, refused: 0, not_recorded: 0 };
  #covered = 0;
  #coverage = 0;
  #partly = 0;

  add({ verdict, coverage }: EvidenceMapping): void {
    this.#verdicts += 1;
    this.#kinds[verdict ?? 'not_recorded'] += 1;
    if (coverage === null) return;
    this.#covered += 1;
    this.#coverage += coverage;
    if (!atLeast(coverage, 1)) this.#partly += 1;
  }

  get figures() {
    return {
      total: this.#verdicts,
      ...this.#kinds,
      /** Null: none has one on record. */
      mean_coverage: this.#covered === 0 ? null : rounded(this.#coverage / this.#covered),
      less_than_full_coverage: this.#partly,
    };
  }
}

class ControlTally {
  readonly #tally = new Tally();
  readonly #categories = new Map<string, number>();
  #first: string | null = null;
  #last: string | null = null;

  constructor(
    private readonly control: EvidenceControl,
    private readonly facts: FrameworkFacts,
  ) {}

  get id(): string {
    return this.control.control_id;
  }

  get isOutside(): boolean {
    return this.control.categories.length === 0;
  }

  get isEmpty(): boolean {
    return this.#first === null;
  }

  add(mapping: EvidenceMapping): void {
    this.#tally.add(mapping);
    this.#first ??= mapping.at;
    this.#last = mapping.at;
    for (const category of mapping.categories)
      if (isEvidenceFor(this.id, category, this.facts))
        this.#categories.set(category, (this.#categories.get(category) ?? 0) + 1);
  }

  get figures() {
    const { control_id, title } = this.control;
    return {
      control_id,
      title,
      verdicts: this.#tally.figures,
      by_category: Object.fromEntries(this.#categories),
      first_at: this.#first,
      last_at: this.#last,
    };
  }
}
