import type { EvidenceControl, EvidenceMapping, JudgedRecord, MappingState } from '../contract/evidence';

/** What the data files of the mapper say of one framework. */
export interface FrameworkFacts {
  readonly controls: readonly { readonly id: string; readonly title: string }[];
  /** Which controls each category is evidence for. */
  readonly references: ReadonlyMap<string, ReadonlySet<string>>;
  /** Retired category → the one that stands in for it. */
  readonly replacements: ReadonlyMap<string, string>;
}

/** The controls, each with the categories that are evidence for it. */
export function evidenceControls({ controls, references }: FrameworkFacts): EvidenceControl[] {
  return controls.map(({ id, title }) => ({
    control_id: id,
    title,
    categories: [...references].flatMap(([category, wanted]) => (wanted.has(id) ? [category] : [])),
  }));
}

/** One verdict on record. */
export interface Judged {
  readonly sequence: number;
  readonly request_id: string;
  readonly at: string;
  readonly record: JudgedRecord;
  /** The record of the run that it was answered from; null: it is not there. */
  readonly source: JudgedRecord | null;
}

/** From the verdict to its categories to the controls, by what is on record and nothing else. */
export function evidenceMapping(judged: Judged, facts: FrameworkFacts): EvidenceMapping {
  const { sequence, request_id, at, record } = judged;
  const from = record.answered_from?.request_id ?? null;
  const said = from === null ? record : judged.source;
  const mapping = said === null ? 'source_gone' : stateOf(said);
  const categories = mapping === 'mapped' ? (said?.categories ?? []) : [];
  return {
    sequence,
    request_id,
    at,
    answered_from: from,
    http_status: record.http_status ?? null,
    verdict: said && verdictOf(said),
    coverage: said?.coverage ?? null,
    mapping,
    categories,
    controls: controlsOf(categories, facts),
    taxonomy: said?.data_versions?.taxonomy ?? null,
  };
}

/** An orchestration that ended with an error came to none, whatever the release. */
function verdictOf({ verdict, http_status: status }: JudgedRecord): EvidenceMapping['verdict'] {
  return verdict ?? ((status ?? 0) >= 400 ? 'none' : null);
}

function stateOf({ mapping, categories, http_status: status }: JudgedRecord): MappingState {
  switch (mapping) {
    case 'mapped':
      return categories ? 'mapped' : 'not_recorded';
    case 'off':
    case 'failed':
      return mapping;
    case 'skipped':
    case 'invalid_payload':
      return 'skipped';
    default:
      // An error that was recorded without results has no word of it.
      return (status ?? 0) >= 400 ? 'skipped' : 'not_recorded';
  }
}

/** In the order of the framework. */
function controlsOf(categories: readonly string[], facts: FrameworkFacts): string[] {
  return facts.controls
    .filter(({ id }) => categories.some((category) => isEvidenceFor(id, category, facts)))
    .map(({ id }) => id);
}

/** A category that was retired since counts as its heir. */
export function isEvidenceFor(
  control: string,
  category: string,
  { references, replacements }: FrameworkFacts,
): boolean {
  return references.get(replacements.get(category) ?? category)?.has(control) ?? false;
}
