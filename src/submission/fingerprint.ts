import { createHash } from 'node:crypto';
import type { Claim } from '../store/runs';
import type { OrchestrationRequest } from '../contract/request';
import { canonicalJson } from '../domain/canonical-json';

/**
 * SHA-256 of the canonical body: defaults applied, keys sorted, detector lists as sets, content as its hash (spec 6); a
 * file's is its own, so that one that had to be uploaded again is the same.
 */
export function fingerprintOf(request: OrchestrationRequest): Buffer {
  const { content, source, required_detectors: required, excluded_detectors: excluded, ...rest } = request;
  const canonical = {
    ...rest,
    content: source?.digest ?? createHash('sha256').update(content).digest('hex'),
    required_detectors: required?.toSorted() ?? null,
    excluded_detectors: excluded?.toSorted() ?? null,
  };
  return createHash('sha256').update(canonicalJson(canonical)).digest();
}

export function claimFor(
  route: string,
  key: string,
  request: OrchestrationRequest,
  requestId: string,
): Claim {
  return {
    tenantId: request.tenant_id,
    route,
    keyHash: createHash('sha256').update(key).digest(),
    fingerprint: fingerprintOf(request),
    requestId,
  };
}
