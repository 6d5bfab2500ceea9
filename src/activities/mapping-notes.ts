import type { MappingResponse, VersionInfo } from '../contract/payload';
import type { Plan } from '../contract/plan';

const maxNotes = 500;

/** The only marks the orchestrator leaves on a mapping (spec/orchestration.md 1.8). */
export function annotated(
  response: MappingResponse,
  plan: Plan,
  resolutionNotes: string | null,
): MappingResponse {
  const versions = response.version_info ?? { ...plan.version_info, model: 'none' };
  return {
    ...response,
    notes: withNotes(response.notes ?? '', plan, versions, resolutionNotes),
    provenance: { ...response.provenance, route: 'orchestrator', tenant_id: plan.tenant_id },
    policy_context: response.policy_context ?? {
      expected_detectors: plan.detectors.map(({ name }) => name),
      environment: plan.environment,
    },
    version_info: versions,
  };
}

/** As much as fits: the conflict part is the first to go, then the mapper's own words. */
function withNotes(own: string, plan: Plan, versions: VersionInfo, resolutionNotes: string | null): string {
  const ours = [
    `orchestrator=${plan.version_info.orchestrator}`,
    `policy=${plan.policy_bundle}:${plan.policy_version}`,
    `taxonomy=${versions.taxonomy}`,
    `frameworks=${versions.frameworks}`,
    `model=${versions.model}`,
  ].join('; ');
  const base = [own, ours].filter((part) => part !== '').join('; ');
  const full = resolutionNotes === null ? base : `${base}; conflict=${resolutionNotes}`;
  return [full, base, ours].find((notes) => notes.length <= maxNotes) ?? ours.slice(0, maxNotes);
}
