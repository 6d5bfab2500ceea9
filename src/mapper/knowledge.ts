import { findFaults } from './check-data-files';
import { type Category, type DataFiles, type Framework, KnowledgeError } from './data-files';
import { indexLabels, type LabelIndex } from './label-index';
import { readDataFiles } from './read-data-files';

/** The controls a category is evidence for; `all` is the union of the base and the extended references. */
export interface ControlReferences {
  readonly base: ReadonlySet<string>;
  readonly all: ReadonlySet<string>;
}

/** The mapper's data, validated and indexed. Immutable: a new version is a new object. */
export interface Knowledge extends DataFiles {
  readonly categories: ReadonlyMap<string, Category>;
  /** retired id → live id */
  readonly replacements: ReadonlyMap<string, string>;
  readonly labels: LabelIndex;
  readonly frameworksById: ReadonlyMap<string, Framework>;
  /** category → references `Framework:Control` */
  readonly references: ReadonlyMap<string, ControlReferences>;
}

/**
 * Loads the data folder (`taxonomy.yaml`, `frameworks.yaml`, `detectors/*.yaml`, `schema/*.json`).
 *
 * @throws KnowledgeError listing every fault (spec/mapper.md 6)
 */
export function loadKnowledge(dir: string): Knowledge {
  return buildKnowledge(readDataFiles(dir));
}

/** @throws KnowledgeError listing every fault between the files */
function buildKnowledge(files: DataFiles): Knowledge {
  const faults = findFaults(files);
  if (faults.length > 0) throw new KnowledgeError(faults);
  const { taxonomy, frameworks, detectors } = files;
  return {
    ...files,
    categories: new Map(taxonomy.categories.map((category) => [category.id, category])),
    replacements: new Map(
      taxonomy.retired.flatMap(({ id, replaced_by: heir }) => (heir === undefined ? [] : [[id, heir]])),
    ),
    labels: indexLabels(taxonomy.categories, detectors),
    frameworksById: new Map(frameworks.frameworks.map((framework) => [framework.id, framework])),
    references: new Map(
      frameworks.mappings.map(({ category, base, extended }) => [
        category,
        { base: new Set(base), all: new Set([...base, ...extended]) },
      ]),
    ),
  };
}
