import { createHash } from 'node:crypto';
import { Router } from 'express';
import type { Category, DetectorFile, Framework } from './data-files';
import { MapperError } from './errors';
import type { Knowledge } from './knowledge';
import { pageOf, wantsActive } from './page';
import type { RateLimits } from './rate-limit';

/** Read access to the loaded data: detectors, taxonomies and frameworks (spec/mapper.md 2). */
export function catalogRoutes(knowledge: Knowledge, limits: RateLimits): Router {
  const { taxonomy, frameworks } = knowledge;
  const router = Router();
  const detectors = new Map(
    knowledge.detectors.map((file) => [file.detector, { ...file, checksum: checksum(file) }]),
  );
  const taxonomyEntry = {
    version: taxonomy.version,
    schema_version: taxonomy.schema_version,
    supersedes: taxonomy.supersedes ?? [],
    is_active: true,
    category_count: taxonomy.categories.length,
    checksum: checksum(taxonomy),
  };
  const frameworksChecksum = checksum(frameworks);

  router.use(['/api/v1/detectors', '/api/v1/taxonomies', '/api/v1/frameworks'], limits.limit('manage'));

  router.get('/api/v1/detectors', (request, response) => {
    response.json(pageOf(request, 'detectors', [...detectors.values()].map(summarizeDetector)));
  });

  router.get('/api/v1/detectors/:id', (request, response) => {
    response.json(found(detectors.get(request.params.id)));
  });

  router.get('/api/v1/taxonomies', (request, response) => {
    response.json(pageOf(request, 'taxonomies', wantsActive(request) ? [taxonomyEntry] : []));
  });

  router.get('/api/v1/taxonomies/:version', (request, response) => {
    found(request.params.version === taxonomy.version || undefined);
    response.json({ ...taxonomy, ...taxonomyEntry });
  });

  router.get('/api/v1/taxonomies/:version/categories', (request, response) => {
    found(request.params.version === taxonomy.version || undefined);
    const prefix = typeof request.query['prefix'] === 'string' ? request.query['prefix'] : '';
    const categories = taxonomy.categories.filter(({ id }) => id.startsWith(prefix));
    response.json(
      pageOf(
        request,
        'categories',
        categories.map((category) => describeCategory(category, knowledge)),
      ),
    );
  });

  router.get('/api/v1/frameworks', (request, response) => {
    const listed = wantsActive(request) ? frameworks.frameworks : [];
    response.json(
      pageOf(
        request,
        'frameworks',
        listed.map((framework) => summarizeFramework(framework, frameworks.version)),
      ),
    );
  });

  router.get('/api/v1/frameworks/:id', (request, response) => {
    const framework = found(knowledge.frameworksById.get(request.params.id));
    response.json({
      ...framework,
      version: frameworks.version,
      is_active: true,
      checksum: frameworksChecksum,
    });
  });

  router.get('/api/v1/frameworks/:id/controls', (request, response) => {
    response.json(
      pageOf(request, 'controls', found(knowledge.frameworksById.get(request.params.id)).controls),
    );
  });

  return router;
}

function found<T>(item: T | undefined): T {
  if (item === undefined) throw new MapperError('NOT_FOUND', 'There is no such resource.');
  return item;
}

function summarizeDetector({ labels, ...file }: DetectorFile & { checksum: string }) {
  return { ...file, label_count: labels.length };
}

function describeCategory(category: Category, { taxonomy, references }: Knowledge) {
  return {
    ...category,
    risk_weight: category.risk_weight ?? taxonomy.severity_scale[category.severity],
    benign: category.benign ?? false,
    reserved: category.reserved ?? false,
    aliases: category.aliases ?? [],
    controls: [...(references.get(category.id)?.all ?? [])],
  };
}

function summarizeFramework({ id, title, edition, controls }: Framework, version: string) {
  return { id, title, edition, version, is_active: true, control_count: controls.length };
}

/** SHA-256 of the canonical JSON (spec/mapper.md 12). */
function checksum(content: object): string {
  return createHash('sha256').update(JSON.stringify(content, sortKeys)).digest('hex');
}

function sortKeys(_key: string, value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
