import type { DataFiles, DetectorFile, FrameworksFile, TaxonomyFile } from './data-files';
import { fold } from './fold';

/** Every fault between the files (spec/mapper.md 6, load checks), one sentence each; empty when they fit together. */
export function findFaults({ taxonomy, frameworks, detectors }: DataFiles): string[] {
  const live = new Set(taxonomy.categories.map(({ id }) => id));
  return [
    ...taxonomyFaults(taxonomy, live),
    ...frameworkFaults(frameworks, live),
    ...detectors.flatMap((file) => detectorFaults(file, live)),
    ...repeated(
      'detector',
      detectors.map(({ detector }) => detector),
    ),
    ...disagreements(detectors),
    ...versionFaults({ taxonomy, frameworks, detectors }),
  ];
}

function taxonomyFaults({ categories, retired, domains }: TaxonomyFile, live: Set<string>): string[] {
  const known = new Set(domains.map(({ id }) => id));
  return [
    ...repeated(
      'category',
      categories.map(({ id }) => id),
    ),
    ...repeated('alias', categories.flatMap(({ aliases }) => aliases ?? []).map(fold)),
    ...repeated(
      'retired category',
      retired.map(({ id }) => id),
    ),
    ...categories
      .filter(({ id }) => !known.has(domainOf(id)))
      .map(({ id }) => `category ${id} is in no domain`),
    ...retired.filter(({ id }) => live.has(id)).map(({ id }) => `category ${id} is both live and retired`),
    ...retired
      .filter(({ replaced_by: heir }) => heir !== undefined && !live.has(heir))
      .map(({ id, replaced_by: heir }) => `retired category ${id} is replaced by ${heir}, which is not live`),
  ];
}

function frameworkFaults(
  { frameworks, mappings, data_classes: classes }: FrameworksFile,
  live: Set<string>,
): string[] {
  const ids = new Set(frameworks.map(({ id }) => id));
  const controls = new Set(
    frameworks.flatMap(({ id, controls }) => controls.map((control) => `${id}:${control.id}`)),
  );
  const mapped = new Set(mappings.map(({ category }) => category));
  return [
    ...repeated(
      'framework',
      frameworks.map(({ id }) => id),
    ),
    ...repeated(
      'control',
      frameworks.flatMap(({ id, controls }) => controls.map((control) => `${id}:${control.id}`)),
    ),
    ...repeated(
      'mapping of',
      mappings.map(({ category }) => category),
    ),
    ...mappings
      .flatMap(({ category, base, extended }) =>
        [...base, ...extended].map((reference) => ({ category, reference })),
      )
      .filter(({ reference }) => !controls.has(reference))
      .map(({ category, reference }) => `mapping of ${category} refers to ${reference}, which is no control`),
    ...[...mapped]
      .filter((id) => !live.has(id))
      .map((id) => `mapping of ${id}, which is not a live category`),
    ...[...live].filter((id) => !mapped.has(id)).map((id) => `category ${id} has no mapping to controls`),
    ...classes
      .filter(({ framework }) => !ids.has(framework))
      .map(
        ({ framework, class: name }) => `data class ${name} belongs to ${framework}, which is no framework`,
      ),
    ...classes.flatMap(({ class: name, categories }) =>
      categories
        .filter((id) => !live.has(id))
        .map((id) => `data class ${name} holds ${id}, which is not live`),
    ),
  ];
}

function detectorFaults({ detector, labels }: DetectorFile, live: Set<string>): string[] {
  return [
    ...repeated(
      `${detector}: label`,
      labels.map(({ label }) => label),
    ),
    ...labels
      .filter(({ category }) => !live.has(category))
      .map(({ label, category }) => `${detector}: label ${label} leads to ${category}, which is not live`),
  ];
}

/** A folded label leads to one category, whoever reports it. */
function disagreements(detectors: DetectorFile[]): string[] {
  const first = new Map<string, { detector: string; category: string }>();
  const faults: string[] = [];
  for (const { detector, labels } of detectors) {
    for (const { label, category } of labels) {
      const earlier = first.get(fold(label));
      if (earlier === undefined) first.set(fold(label), { detector, category });
      else if (earlier.category !== category) {
        faults.push(
          `label ${fold(label)} leads to ${earlier.category} in ${earlier.detector} and to ${category} in ${detector}`,
        );
      }
    }
  }
  return faults;
}

function versionFaults({ taxonomy, frameworks, detectors }: DataFiles): string[] {
  return [
    { name: 'frameworks', version: frameworks.taxonomy_version },
    ...detectors.map((file) => ({ name: file.detector, version: file.taxonomy_version })),
  ]
    .filter(({ version }) => version !== taxonomy.version)
    .map(({ name, version }) => `${name} is for taxonomy ${version}, loaded is ${taxonomy.version}`);
}

function repeated(what: string, names: string[]): string[] {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const name of names) (seen.has(name) ? twice : seen).add(name);
  return [...twice].map((name) => `${what} ${name} occurs more than once`);
}

function domainOf(category: string): string {
  return category.slice(0, category.indexOf('.'));
}
