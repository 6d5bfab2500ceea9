import { createHash } from 'node:crypto';
import type { Claim } from '../store/runs';
import type { OrchestrationRequest, RerunRequest } from '../contract/request';
import { canonicalJson } from '../domain/canonical-json';

/**
 * SHA-256 of the canonical body: defaults applied, keys sorted, detector lists as sets, content as its hash (spec 6); a
 * file's is its own, so that one that had to be uploaded again is the same.
 */
export function fingerprintOf(request: OrchestrationRequest): Buffer {
  const { content, source, required_detectors: required, excluded_detectors: excluded, ...rest } = request;
  const canonical = {
    ...rest,
    content: source?.digest ?? sha256(content).toString('hex'),
    required_detectors: required?.toSorted() ?? null,
    excluded_detectors: excluded?.toSorted() ?? null,
  };
  return sha256(canonicalJson(canonical));
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
    keyHash: sha256(key),
    fingerprint: fingerprintOf(request),
    requestId,
  };
}

export function rerunClaimFor(
  key: string,
  job: { readonly jobId: string; readonly tenantId: string },
  { content, ...rest }: RerunRequest,
  requestId: string,
): Claim {
  const canonical = {
    ...rest,
    job_id: job.jobId,
    content: content === undefined ? null : sha256(content).toString('hex'),
  };
  return {
    tenantId: job.tenantId,
    route: 'POST /orchestrate/jobs/rerun',
    keyHash: sha256(key),
    fingerprint: sha256(canonicalJson(canonical)),
    requestId,
  };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
