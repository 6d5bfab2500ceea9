import { MapperError } from './errors';
import type { Knowledge } from './knowledge';
import type { FrameworkRequest } from './requests';

type CanonicalResult = FrameworkRequest['canonical_results'][number];

/** A control that a category is evidence for. */
export interface FrameworkMapping {
  readonly framework: string;
  readonly control_id: string;
  readonly control_name: string;
  readonly requirement: string;
  readonly evidence_type: 'detector_finding';
  readonly compliance_status: 'non_compliant' | 'compliant' | 'not_applicable';
  readonly confidence: number;
  readonly metadata?: { readonly data_classes: readonly string[] };
}

export interface ValidationResult {
  readonly is_valid: boolean;
  readonly schema_compliance: boolean;
  readonly confidence_threshold_met: boolean;
  readonly validation_errors: readonly string[];
  readonly validation_warnings: readonly string[];
}

export interface FrameworkMappingResult {
  readonly canonical_result: CanonicalResult;
  readonly framework_mappings: readonly FrameworkMapping[];
  readonly confidence: number;
  readonly validation_result: ValidationResult | null;
  readonly fallback_used: boolean;
}

export interface FrameworkAnswer {
  readonly mapping_results: readonly FrameworkMappingResult[];
  /** Mean over the results. */
  readonly overall_confidence: number;
  readonly recommendations: readonly string[];
}

const confidenceThreshold = 0.6;

const complianceByRisk = {
  critical: 'non_compliant',
  high: 'non_compliant',
  medium: 'non_compliant',
  low: 'compliant',
  info: 'not_applicable',
} as const;

/**
 * Maps canonical categories to the controls of the wanted frameworks (spec/mapper.md 3). Pure lookup.
 *
 * @throws MapperError INVALID_REQUEST for a framework that is not loaded
 */
export function mapFrameworks(request: FrameworkRequest, knowledge: Knowledge): FrameworkAnswer {
  request.target_frameworks.forEach((id, index) => requireFramework(id, index, knowledge));
  const targets = [...new Set(request.target_frameworks)];
  const results = request.canonical_results.map((given) => {
    const heir = knowledge.replacements.get(given.category);
    const canonical = heir === undefined ? given : { ...given, category: heir };
    const mappings = targets.flatMap((framework) => controlsOf(canonical, framework, request, knowledge));
    const validated = request.include_validation && request.mapping_mode !== 'fast';
    return {
      canonical_result: canonical,
      framework_mappings: mappings,
      confidence: canonical.confidence,
      validation_result: validated
        ? validate(canonical, heir !== undefined, { targets, mappings, knowledge })
        : null,
      fallback_used: false,
    };
  });
  const total = results.reduce((sum, { confidence }) => sum + confidence, 0);
  return {
    mapping_results: results,
    overall_confidence: Math.round((total / results.length) * 10_000) / 10_000,
    recommendations: recommend(results),
  };
}

function requireFramework(id: string, index: number, { frameworksById }: Knowledge): void {
  if (frameworksById.has(id)) return;
  throw new MapperError('INVALID_REQUEST', 'A target framework is not loaded.', {
    detail: 'unknown_framework',
    fieldErrors: [
      {
        path: `target_frameworks[${index}]`,
        message: `must be one of ${[...frameworksById.keys()].join(', ')}`,
      },
    ],
  });
}

function controlsOf(
  { category, confidence, risk_level: risk }: CanonicalResult,
  frameworkId: string,
  { mapping_mode: mode }: FrameworkRequest,
  { frameworksById, references, frameworks }: Knowledge,
): FrameworkMapping[] {
  const framework = frameworksById.get(frameworkId);
  const wanted = references.get(category)?.[mode === 'fast' ? 'base' : 'all'];
  if (framework === undefined || wanted === undefined) return [];
  const classes = frameworks.data_classes
    .filter((entry) => entry.framework === frameworkId && entry.categories.includes(category))
    .map((entry) => entry.class);
  return framework.controls
    .filter(({ id }) => wanted.has(`${frameworkId}:${id}`))
    .map(({ id, title }) => ({
      framework: frameworkId,
      control_id: id,
      control_name: title,
      requirement: `${framework.title} (${framework.edition}), ${id}`,
      evidence_type: 'detector_finding',
      compliance_status: complianceByRisk[risk],
      confidence,
      ...(mode === 'comprehensive' && classes.length > 0 && { metadata: { data_classes: classes } }),
    }));
}

function validate(
  { category, confidence }: CanonicalResult,
  replaced: boolean,
  { targets, mappings, knowledge }: { targets: string[]; mappings: FrameworkMapping[]; knowledge: Knowledge },
): ValidationResult {
  const isLive = knowledge.categories.has(category);
  const isSure = confidence >= confidenceThreshold;
  const covered = new Set(mappings.map(({ framework }) => framework));
  return {
    is_valid: isLive,
    schema_compliance: true,
    confidence_threshold_met: isSure,
    validation_errors: isLive ? [] : ['the category is not in the active taxonomy'],
    validation_warnings: [
      ...(replaced ? [`the category is retired; ${category} stands in for it`] : []),
      ...(isSure ? [] : [`confidence is under ${confidenceThreshold}`]),
      ...(isLive ? targets.filter((id) => !covered.has(id)).map((id) => `no control of ${id} applies`) : []),
    ],
  };
}

/** One line for each category that breaches controls, in the order given. */
function recommend(results: readonly FrameworkMappingResult[]): string[] {
  const lines = results.flatMap(
    ({ canonical_result: { category, risk_level: risk }, framework_mappings: mappings }) => {
      const breached = mappings.filter(({ compliance_status: status }) => status === 'non_compliant');
      if (breached.length === 0) return [];
      const controls = breached.map(({ framework, control_id: id }) => `${framework}:${id}`);
      return [`Review ${controls.join(', ')} for ${category} (${risk}).`];
    },
  );
  return [...new Set(lines)];
}
