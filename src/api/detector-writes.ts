import type { Request } from 'express';
import { z } from 'zod';
import { ConclaveError } from '../contract/errors';
import { newDetectorSchema } from '../contract/registry-api';
import type { NewDetector } from '../registry/registrar';
import { bodyOf } from './json-body';
import { tenantOf } from './tenant-header';

export interface DetectorWrite extends NewDetector {
  readonly verify: boolean;
}

/** Other products' requests, and what must be flagged. */
const unread = ['params', 'http', 'canary'];

interface Addressed {
  readonly name: string;
  readonly version: string;
}

/**
 * The registration in a body. Whoever names a tenant registers for that tenant alone; only who names none may register
 * for all (spec/orchestration.md 1.10).
 * @param addressed what the path says that it is about
 * @throws ConclaveError INVALID_REQUEST, INSUFFICIENT_RBAC (`tenant_mismatch`, `shared_needs_platform`)
 */
export function detectorIn(request: Request, addressed?: Addressed): DetectorWrite {
  const tenant = tenantOf(request);
  let sharesTraffic = false;
  const schema = z.preprocess((raw) => {
    if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return raw;
    sharesTraffic = 'traffic_percent' in raw;
    return withScope({ ...addressed, ...raw }, tenant);
  }, newDetectorSchema);
  const { verify, force, ttl_seconds: ttlSeconds, ...registration } = bodyOf(request, schema, unread);
  if (tenant !== null && registration.tenant_scope === 'shared') {
    throw new ConclaveError('INSUFFICIENT_RBAC', 'a tenant may register detectors of its own only', {
      detail: 'shared_needs_platform',
    });
  }
  if (tenant !== null && registration.tenant_id !== tenant) {
    throw new ConclaveError('INSUFFICIENT_RBAC', 'X-Tenant-ID and the body name different tenants', {
      detail: 'tenant_mismatch',
    });
  }
  refuseOther(registration, addressed);
  return {
    registration,
    trafficPercent: sharesTraffic ? registration.traffic_percent : null,
    ttlSeconds,
    verify: verify && !force,
  };
}

function withScope(raw: object, tenant: string | null): object {
  const named = 'tenant_id' in raw ? raw.tenant_id : (tenant ?? undefined);
  const scope = 'tenant_scope' in raw ? raw.tenant_scope : named === undefined ? 'shared' : 'own';
  return {
    ...raw,
    tenant_scope: scope,
    ...(scope === 'own' && named !== undefined ? { tenant_id: named } : {}),
  };
}

function refuseOther(registration: Addressed, addressed: Addressed | undefined): void {
  if (!addressed) return;
  for (const field of ['name', 'version'] as const) {
    if (registration[field] === addressed[field]) continue;
    const message = `must be ${addressed[field]}, as in the path`;
    throw new ConclaveError('INVALID_REQUEST', `${field} ${message}`, {
      detail: 'validation_failed',
      fieldErrors: [{ path: field, message }],
    });
  }
}
