export type Severity = 'critical' | 'high' | 'medium' | 'low' | 'info';

/** taxonomy.yaml, after taxonomy.schema.json. */
export interface TaxonomyFile {
  version: string;
  schema_version: string;
  supersedes?: string[];
  severity_scale: Record<Severity, number>;
  domains: { id: string; title: string }[];
  categories: Category[];
  retired: { id: string; replaced_by?: string; retired_in: string }[];
}

export interface Category {
  id: string;
  title: string;
  severity: Severity;
  risk_weight?: number;
  benign?: boolean;
  /** Assigned by the mapper only. */
  reserved?: boolean;
  aliases?: string[];
}

/** frameworks.yaml, after frameworks.schema.json. A reference is `Framework:Control`. */
export interface FrameworksFile {
  version: string;
  schema_version: string;
  taxonomy_version: string;
  supersedes?: string[];
  common_requirements: string[];
  frameworks: Framework[];
  mappings: { category: string; base: string[]; extended: string[] }[];
  data_classes: { framework: string; class: string; categories: string[] }[];
}

export interface Framework {
  id: string;
  title: string;
  edition: string;
  violation_weight: number;
  audit_retention_days: number;
  review_interval_days: number;
  controls: Control[];
  tenant_requirements?: string[];
  tiers?: {
    id: string;
    permitted: boolean;
    article: string;
    reassess_days?: number;
    requirements?: string[];
  }[];
}

export interface Control {
  id: string;
  title: string;
  equivalent_2022?: string;
}

/** detectors/<name>.yaml, after detector.schema.json. */
export interface DetectorFile {
  detector: string;
  version: string;
  vendor: string;
  kind: 'service' | 'library' | 'model' | 'rules';
  taxonomy_version: string;
  labels: DetectorLabel[];
}

export interface DetectorLabel {
  label: string;
  category: string;
  severity?: Severity;
  /** Upper bound of the label's match strength. */
  confidence_cap?: number;
}

/** The mapper's data as it lies on disk: each file passed its schema, nothing is checked across files. */
export interface DataFiles {
  taxonomy: TaxonomyFile;
  frameworks: FrameworksFile;
  detectors: DetectorFile[];
}

/** The data is unusable; `faults` lists all that is wrong with it, one sentence each. */
export class KnowledgeError extends Error {
  override readonly name = 'KnowledgeError';

  constructor(readonly faults: readonly string[]) {
    super(`The mapper's data has ${faults.length} fault(s):\n- ${faults.join('\n- ')}`);
  }
}
