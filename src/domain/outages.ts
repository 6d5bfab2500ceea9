import type { EvidenceIncident, JudgedRecord } from '../contract/evidence';

interface Open {
  readonly opened_at: string;
  readonly opened_by: string;
  verdicts: number;
  readonly causes: Record<string, number>;
}

interface Seen {
  readonly request_id: string;
  readonly at: string;
  readonly record: Pick<JudgedRecord, 'results' | 'unavailable'>;
}

/** What was known to be down was not asked, and has no cause of its own. */
const knownDown = 'known_down';

/** Outages of detectors as verdicts show them, one after the other: from the first that had to do without to the next that had not. */
export class Outages {
  readonly #open = new Map<string, Open>();

  /** @returns those that this one ends */
  see({ request_id: id, at, record }: Seen): EvidenceIncident[] {
    const results = record.results ?? [];
    const asked = new Set(results.map(({ detector }) => detector));
    for (const detector of record.unavailable ?? [])
      if (!asked.has(detector)) this.#failed(detector, knownDown, id, at);
    const ended: EvidenceIncident[] = [];
    for (const { detector, status, failure_cause: cause, stand_in: standIn } of results) {
      if (status === 'skipped') continue;
      // What stood in for it has answered, not the detector.
      if (status !== 'success' || standIn) this.#failed(detector, cause ?? standIn?.cause ?? status, id, at);
      else ended.push(...this.#answered(detector, id, at));
    }
    return ended;
  }

  /** Those that nothing has ended. */
  get unresolved(): EvidenceIncident[] {
    return [...this.#open].map(([detector, open]) => ({
      detector,
      ...open,
      resolved_at: null,
      resolved_by: null,
      seconds_to_resolve: null,
    }));
  }

  #failed(detector: string, cause: string, id: string, at: string): void {
    const open = this.#open.get(detector) ?? { opened_at: at, opened_by: id, verdicts: 0, causes: {} };
    this.#open.set(detector, open);
    open.verdicts += 1;
    open.causes[cause] = (open.causes[cause] ?? 0) + 1;
  }

  #answered(detector: string, id: string, at: string): EvidenceIncident[] {
    const open = this.#open.get(detector);
    if (!open) return [];
    this.#open.delete(detector);
    const seconds = Math.max(0, Date.parse(at) - Date.parse(open.opened_at)) / 1000;
    return [{ detector, ...open, resolved_at: at, resolved_by: id, seconds_to_resolve: seconds }];
  }
}
