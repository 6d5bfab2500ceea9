import type { DecidedOutcome } from '../contract/decided-outcome';
import type { DetectorResult, Finding } from '../contract/detector-result';
import type { EndedRunRecord } from '../contract/ended-run';
import type { Member, Plan } from '../contract/plan';
import { benignBy } from './conflict-strategies';
import { errorToken } from './results';

type MemberFacts = Pick<Member, 'content_length' | 'health_status' | 'about'>;

export interface EndedMember {
  readonly plan: Plan;
  readonly planDigest: string;
  readonly member: MemberFacts;
  readonly results: readonly DetectorResult[];
  readonly deadlineCut: boolean;
  readonly outcome: DecidedOutcome;
}

/** What is kept of a run for other policies to judge: labels, numbers and places, no text of anybody's. */
export function endedRunRecord(ended: EndedMember): EndedRunRecord {
  const { plan, member, outcome } = ended;
  const labels = new Labels(plan);
  const { verdict } = outcome;
  return {
    environment: plan.environment,
    priority: plan.priority,
    content_type: plan.content_type,
    content_length: member.content_length,
    plan_digest: ended.planDigest,
    required_detectors: [...(member.about?.required_detectors ?? [])],
    excluded_detectors: [...(member.about?.excluded_detectors ?? [])],
    ...(member.about?.analysis && { analysis: member.about.analysis }),
    unavailable: Object.keys(member.health_status).filter((name) => !member.health_status[name]),
    deadline_cut: ended.deadlineCut,
    results: ended.results.map((result) => withoutWords(result, labels)),
    outcome: {
      ...outcome,
      verdict: { ...verdict, label: verdict.label === null ? null : labels.shown(verdict.label) },
    },
  };
}

function withoutWords(result: DetectorResult, labels: Labels): DetectorResult {
  return {
    ...result,
    output: shownOrNull(result.output, labels),
    metadata: null,
    error: errorToken(result),
    findings: result.findings.map((finding): Finding => ({ ...finding, label: labels.shown(finding.label) })),
    ...(result.unsuppressed && {
      unsuppressed: { ...result.unsuppressed, output: shownOrNull(result.unsuppressed.output, labels) },
    }),
  };
}

function shownOrNull(output: string | null, labels: Labels): string | null {
  return output === null ? null : labels.shown(output.trim());
}

const labelPattern = /^\S{1,128}$/;

/** Labels as they are; whatever else a detector puts out may quote the content and is told apart by number only. */
class Labels {
  readonly #known: (label: string) => boolean;
  readonly #withheld = new Map<string, string>();

  constructor({ detectors, conflict }: Plan) {
    const severities = new Set(detectors.flatMap(({ label_severity }) => Object.keys(label_severity)));
    const isBenign = benignBy(conflict.benign_labels);
    this.#known = (label) => severities.has(label) || isBenign(label);
  }

  shown(label: string): string {
    if (label === '' || labelPattern.test(label) || this.#known(label)) return label;
    const shown = this.#withheld.get(label) ?? `withheld-${this.#withheld.size + 1}`;
    this.#withheld.set(label, shown);
    return shown;
  }
}
