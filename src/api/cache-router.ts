import { type Response, Router } from 'express';
import { z } from 'zod';
import { ConclaveError } from '../contract/errors';
import { nameSchema, tenantSchema } from '../contract/text';
import type { CacheGenerations, CacheTarget } from '../store/cache-generations';
import { needs } from './access';
import { once } from './once';
import { concerns } from './operations';
import { contextOf } from './request-context';
import { identityOf } from './principal';
import { tenantOf } from './tenant-header';
import { validate } from './validate';

const targetSchema = z
  .strictObject({
    tenant_id: tenantSchema.optional(),
    policy_bundle: nameSchema.optional(),
    detector: nameSchema.optional(),
  })
  .transform(({ tenant_id: tenantId, policy_bundle: bundle, detector }, context): CacheTarget => {
    if (detector !== undefined && tenantId === undefined && bundle === undefined) return { detector };
    if (detector === undefined && tenantId !== undefined && bundle !== undefined) return { tenantId, bundle };
    const message = 'name either detector, or both tenant_id and policy_bundle';
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

/** DELETE /cache: an operator's word that kept answers are not to be given any more (docs/cache.md). */
export function cacheRouter(generations: Pick<CacheGenerations, 'invalidate'>): Router {
  const router = Router();

  router.delete('/cache', needs('config:write'), once(), async (request, response: Response) => {
    const target = validate(targetSchema, request.query);
    const named = tenantOf(request);
    if (identityOf(request).tenantId !== null && 'detector' in target) throw sharedByAll();
    if (named !== null && 'tenantId' in target && named !== target.tenantId) {
      throw new ConclaveError('INSUFFICIENT_RBAC', 'X-Tenant-ID and the query name different tenants', {
        detail: 'tenant_mismatch',
      });
    }
    concerns(response, { target, ...('tenantId' in target && { tenantId: target.tenantId }) });
    const { requestId, correlationId } = contextOf(response);
    await generations.invalidate(target, { requestId, correlationId });
    response.status(204).end();
  });

  return router;
}

/** Answers of all tenants may hold what a detector of this name said. */
function sharedByAll(): ConclaveError {
  return new ConclaveError('INSUFFICIENT_RBAC', 'a detector is invalidated for all tenants; name a bundle', {
    detail: 'shared_needs_platform',
  });
}
