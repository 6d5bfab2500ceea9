import type { FacadeDependencies } from './api/facades/facade-call';
import { moderationCategoriesBy } from './api/facades/moderation-categories';
import type { OrchestrateRouterDependencies } from './api/orchestrate-router';
import type { Settings } from './contract/config';
import { loadKnowledge } from './mapper/knowledge';
import { matchSignal } from './mapper/rules';
import type { DetectorRegistry } from './registry/registry';
import type { ResultHub } from './store/result-hub';
import { Judge } from './submission/judge';

interface FacadeParts {
  readonly settings: Settings;
  readonly orchestrate: OrchestrateRouterDependencies;
  readonly hub: ResultHub;
  readonly registry: Pick<DetectorRegistry, 'visibleTo'>;
  readonly policies: { readonly benignLabelsOf: (tenantId: string, bundle: string) => readonly string[] };
}

/** The part of the composition root that builds the façades; labels are read by the taxonomy's own maps. */
export function composeFacades({
  settings,
  orchestrate,
  hub,
  registry,
  policies,
}: FacadeParts): FacadeDependencies {
  const knowledge = loadKnowledge(settings.mapper.taxonomy_path);
  const harmless = [...knowledge.categories.values()].filter(({ benign }) => benign).map(({ id }) => id);
  const declaredBy = (detector: string): readonly string[] =>
    registry.visibleTo(settings.facades.tenant_id).find(({ name }) => name === detector)?.capabilities
      .taxonomy_categories ?? [];
  return {
    judge: new Judge({
      submission: orchestrate.submission,
      hub,
      readingOf(tenantId, bundle) {
        return {
          categoryOf(detector, label) {
            const { category, step } = matchSignal({ detector, label }, knowledge.labels);
            return step === 'none' || step === 'malformed' ? null : category;
          },
          benignLabels: new Set(
            policies.benignLabelsOf(tenantId, bundle).map((label) => label.toLowerCase()),
          ),
          ignoredCategories: [...harmless, ...settings.facades.ignored_categories],
          threshold: settings.facades.flag_threshold,
          maskedCategories: settings.facades.masked_categories,
        };
      },
    }),
    settings: settings.facades,
    categories: moderationCategoriesBy(knowledge.detectors, declaredBy),
    rateLimit: orchestrate.rateLimit,
    rateLimitOf: orchestrate.rateLimitOf,
    maxBodyBytes: orchestrate.maxBodyBytes,
    maxImagePixels: settings.content.max_image_pixels,
    approach: orchestrate.approach,
  };
}
