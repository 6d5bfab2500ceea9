import { join } from 'node:path';
import { type Knowledge, loadKnowledge } from '../../../src/mapper/knowledge';
import type { MapRequest } from '../../../src/mapper/requests';

export const taxonomyDir = join(__dirname, '../../../taxonomy');

let loaded: Knowledge | undefined;

/** The project's own data, loaded once a test file. */
export function knowledge(): Knowledge {
  loaded ??= loadKnowledge(taxonomyDir);
  return loaded;
}

export function mapRequest(given: Partial<MapRequest> = {}): MapRequest {
  return { detector: 'orchestrated-multi', output: 'toxic', tenant_id: 'demo', metadata: {}, ...given };
}
