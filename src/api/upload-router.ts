import { type Request, Router } from 'express';
import { z } from 'zod';
import { sha256 } from '../content/digest';
import type { Uploads } from '../content/uploads';
import { contentRefSchema } from '../contract/content';
import { ConclaveError } from '../contract/errors';
import { tenantSchema } from '../contract/text';
import { gateOf, needs } from './access';
import { readUpload, type UploadLimits } from './multipart';
import { once, onceRead } from './once';
import type { RateLimit } from './rate-limit';
import { requiredTenant, tenantOf } from './tenant-header';
import { validate } from './validate';

export interface UploadRouterDependencies {
  readonly uploads: Pick<Uploads, 'accept' | 'remove'>;
  readonly limits: UploadLimits;
  /** Uploads that are read at a time: each is in memory as a whole. */
  readonly maxConcurrent: number;
  readonly rateLimit: RateLimit;
  readonly uploadsPerMinute: number;
}

const fieldsSchema = z.strictObject({
  tenant_id: tenantSchema,
  content_type: z.enum(['image', 'document']).optional(),
});

/** Files to be judged by reference (docs/content.md). */
export function uploadRouter(deps: UploadRouterDependencies): Router {
  const router = Router();
  let reading = 0;

  const countsItself = needs('orchestrate:write', { countsItself: true });
  const upload = onceRead(async (request, response, once) => {
    if (reading >= deps.maxConcurrent) throw overloaded();
    reading++;
    try {
      const { file, fields } = await readUpload(request, deps.limits);
      const named = tenantOf(request);
      const { tenant_id: tenantId, content_type } = validate(fieldsSchema, {
        ...(named === null ? {} : { tenant_id: named }),
        ...fields,
      });
      if (named !== null && named !== tenantId) throw otherTenant();
      gateOf(request).requireActive(tenantId);
      const limited = { endpoint: 'content', tenantId, bundle: null } as const;
      await deps.rateLimit.consume(response, { limited, perMinute: deps.uploadsPerMinute });
      const declared = { contentType: content_type ?? null, mediaType: file.mediaType };
      await once({
        tenantId,
        body: { digest: sha256(file.bytes), ...declared },
        async make() {
          const { isNew, uploaded } = await deps.uploads.accept({ tenantId, bytes: file.bytes, declared });
          response.status(isNew ? 201 : 200).json(uploaded);
        },
      });
    } finally {
      reading--;
    }
  });
  router.post('/orchestrate/content', countsItself, upload);

  router.delete(
    '/orchestrate/content/:content_ref',
    needs('orchestrate:write'),
    once(),
    async (request, response) => {
      await deps.uploads.remove(requiredTenant(request), contentRefOf(request));
      response.status(204).end();
    },
  );

  return router;
}

function contentRefOf(request: Request): string {
  const ref = contentRefSchema.safeParse(request.params['content_ref']);
  if (ref.success) return ref.data;
  throw new ConclaveError('INVALID_REQUEST', 'there is no such uploaded content', {
    status: 404,
    detail: 'content_not_found',
  });
}

function overloaded(): ConclaveError {
  return new ConclaveError('RATE_LIMITED', 'too many uploads are under way; try again in a moment', {
    detail: 'overloaded',
    retryAfterSeconds: 1,
  });
}

function otherTenant(): ConclaveError {
  return new ConclaveError('INSUFFICIENT_RBAC', 'X-Tenant-ID and the form name different tenants', {
    detail: 'tenant_mismatch',
  });
}
