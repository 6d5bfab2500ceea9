import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { registryFileSchema } from '../../../src/contract/registry-file';
import { builtinDetectors } from '../../../src/detectors/builtin/catalog';

const root = join(__dirname, '..', '..', '..');
const readYaml = (...path: string[]): unknown => parse(readFileSync(join(root, ...path), 'utf8'));

const taxonomy = z
  .object({
    severity_scale: z.record(z.string(), z.number()),
    categories: z.array(
      z.object({ id: z.string(), severity: z.string(), risk_weight: z.number().optional() }),
    ),
  })
  .parse(readYaml('taxonomy', 'taxonomy.yaml'));
const labelFileSchema = z.object({ labels: z.array(z.object({ label: z.string(), category: z.string() })) });

/** 0-100, from the category's risk. */
function severityOf(categoryId: string): number {
  const category = taxonomy.categories.find(({ id }) => id === categoryId);
  if (!category) throw new RangeError(`no category ${categoryId}`);
  return Math.round((category.risk_weight ?? taxonomy.severity_scale[category.severity] ?? 0) * 100);
}

const { detectors } = registryFileSchema.parse(readYaml('config', 'detectors.yaml'));

describe('config/detectors.yaml', () => {
  it('registers every builtin detector, and nothing else', () => {
    expect(detectors.map(({ name }) => name).toSorted()).toEqual([...builtinDetectors.keys()].toSorted());
  });

  it.each(detectors.map((registration) => [registration.name, registration] as const))(
    '%s: says of the detector what the detector and its labels say',
    (name, registration) => {
      const detector = builtinDetectors.get(name);
      // What only waits finds nothing, and so has no labels.
      const { labels } = detector?.waits
        ? { labels: [] }
        : labelFileSchema.parse(readYaml('taxonomy', 'detectors', `${name}.yaml`));
      const { capabilities } = registration;
      expect(registration).toMatchObject({ endpoint: `builtin:${name}`, version: detector?.version });
      expect(capabilities.max_content_length).toBe(detector?.maxContentLength);
      expect(capabilities.taxonomy_categories).toEqual(detector?.taxonomyCategories.toSorted());

      // An unexpected language asks for a reader; it is no risk by itself and stays under all that is.
      const weighed = name === 'language' ? [] : labels.filter(({ category }) => severityOf(category) > 0);
      expect(registration.label_severity).toEqual(
        Object.fromEntries(weighed.map(({ label, category }) => [label, severityOf(category)])),
      );
    },
  );
});
