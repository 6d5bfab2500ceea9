import { type Request, type Response, Router } from 'express';
import { z } from 'zod';
import {
  type ApiKeyInfo,
  apiKeyLimits,
  type ApiKeyList,
  type CreatedApiKey,
  newApiKeySchema,
  type NewApiKeyRequest,
} from '../contract/api-keys';
import type { ChangedBy } from '../contract/changed-by';
import type { Identity } from '../contract/identity';
import { needs } from './access';
import { bodyOf, readBody } from './json-body';
import { once } from './once';
import { concerns } from './operations';
import { latestFirst, pageOf } from './pages';
import { changedBy, identityOf } from './principal';
import { tenantOf } from './tenant-header';
import { validate } from './validate';

interface Caller {
  readonly identity: Identity;
  readonly tenantId: string | null;
  readonly by: ChangedBy;
}

export interface ApiKeysRouterDependencies {
  readonly keys: {
    create(asked: NewApiKeyRequest, caller: Caller): Promise<CreatedApiKey>;
    list(tenantId: string | null): Promise<readonly ApiKeyInfo[]>;
    rotate(keyId: string, graceHours: number, caller: Caller): Promise<CreatedApiKey>;
    revoke(keyId: string, caller: Caller): Promise<void>;
  };
}

const maxBodyBytes = 16 * 1024;
const pageSchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  page_token: z.string().max(300).optional(),
});
const rotationSchema = z.strictObject({
  grace_hours: z.coerce.number().min(0).max(apiKeyLimits.graceHours).default(24),
});

/** The API keys of a tenant (spec/orchestration.md 2.2, 7). */
export function apiKeysRouter({ keys }: ApiKeysRouterDependencies): Router {
  const router = Router();

  router.post(
    '/api-keys',
    needs('keys:admin'),
    ...readBody(maxBodyBytes),
    once(newApiKeySchema),
    async (request, response) => {
      const made = await keys.create(bodyOf(request, newApiKeySchema), callerOf(request, response));
      concerns(response, { tenantId: made.tenant_id, target: { key_id: made.key_id } });
      response.status(201).json(made);
    },
  );

  router.get('/api-keys', needs('keys:admin'), async (request, response) => {
    const query = validate(pageSchema, request.query);
    const all = await keys.list(tenantOf(request));
    const { items, ...rest } = pageOf(all, query, (key) => [key.created_at, key.key_id], latestFirst);
    response.json({ api_keys: [...items], total_count: all.length, ...rest } satisfies ApiKeyList);
  });

  router.post('/api-keys/:key_id/rotate', needs('keys:admin'), once(), async (request, response) => {
    const { grace_hours: hours } = validate(rotationSchema, request.query);
    response.status(201).json(await keys.rotate(keyIdOf(request), hours, callerOf(request, response)));
  });

  router.delete('/api-keys/:key_id', needs('keys:admin'), once(), async (request, response) => {
    await keys.revoke(keyIdOf(request), callerOf(request, response));
    response.status(204).end();
  });

  return router;
}

function callerOf(request: Request, response: Response): Caller {
  return {
    identity: identityOf(request),
    tenantId: tenantOf(request),
    by: changedBy(request, response),
  };
}

function keyIdOf(request: Request): string {
  return String(request.params['key_id']);
}
