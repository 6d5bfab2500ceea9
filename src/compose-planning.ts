import type { Settings } from './contract/config';
import type { PlanningSettings } from './domain/plan';
import { dataVersions } from './mapper/data-versions';

/** What plans depend on beside policies and the registry. */
export function composePlanning(settings: Settings, version: string): PlanningSettings {
  const { orchestration, mapper } = settings;
  return {
    mappingEnabled: mapper.auto_map_results,
    mapperBudgetMs: orchestration.mapper_timeout_budget_ms,
    maxConcurrentDetectors: orchestration.max_concurrent_detectors,
    fastLaneLimitMs: orchestration.sync_to_async_threshold_ms,
    versionInfo: { ...dataVersions(mapper.taxonomy_path), model: 'none', orchestrator: version },
  };
}
