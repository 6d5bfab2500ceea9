import { maxNotesLength, type MappingResponse, type VersionInfo } from '../contract/payload';
import type { Plan } from '../contract/plan';
import { codePointLength } from '../contract/text';

/** The only marks the orchestrator leaves on a mapping (spec/orchestration.md 1.8). */
export function annotated(
  response: MappingResponse,
  plan: Plan,
  resolutionNotes: string | null,
): MappingResponse {
  return {
    ...response,
    notes: withNotes(response, plan, resolutionNotes),
    provenance: { ...response.provenance, route: 'orchestrator', tenant_id: plan.tenant_id },
    policy_context: response.policy_context ?? {
      expected_detectors: plan.detectors.filter(({ role }) => role === 'primary').map(({ name }) => name),
      environment: plan.environment,
    },
    version_info: response.version_info ?? null,
  };
}

/** What answered: the mapper knows of its data and model, everything else is ours (spec/orchestration.md 1.8). */
export function versionsOf(plan: Plan, mapping: MappingResponse | null): VersionInfo {
  const { taxonomy, frameworks, model } = mapping?.version_info ?? plan.version_info;
  return { ...plan.version_info, taxonomy, frameworks, model };
}

/** As much as fits: the conflict part is the first to go, then the mapper's own words. */
function withNotes(response: MappingResponse, plan: Plan, resolutionNotes: string | null): string {
  const own = response.notes ?? '';
  const versions = versionsOf(plan, response);
  const ours = [
    `orchestrator=${plan.version_info.orchestrator}`,
    `policy=${plan.policy_bundle}:${plan.policy_version}`,
    `taxonomy=${versions.taxonomy}`,
    `frameworks=${versions.frameworks}`,
    `model=${versions.model}`,
  ].join('; ');
  const base = [own, ours].filter((part) => part !== '').join('; ');
  const full = resolutionNotes === null ? base : `${base}; conflict=${resolutionNotes}`;
  return (
    [full, base].find((notes) => codePointLength(notes) <= maxNotesLength) ?? firstOf(ours, maxNotesLength)
  );
}

function firstOf(text: string, codePoints: number): string {
  return [...text].slice(0, codePoints).join('');
}
