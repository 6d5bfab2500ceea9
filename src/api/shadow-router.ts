import { type Request, Router } from 'express';
import { z } from 'zod';
import type { ChangedBy } from '../contract/changed-by';
import { type PutShadow, putShadowSchema, type ShadowView } from '../contract/shadow';
import { nameSchema } from '../contract/text';
import { needs } from './access';
import { bodyOf, readBody } from './json-body';
import { once } from './once';
import { changedBy } from './principal';
import { requiredTenant } from './tenant-header';
import { validate } from './validate';

interface Named {
  readonly tenant_id: string;
  readonly policy_bundle: string;
}

export interface ShadowRouterDependencies {
  get(name: Named): Promise<ShadowView>;
  put(name: Named, put: PutShadow, by: ChangedBy): Promise<ShadowView>;
  end(name: Named, by: ChangedBy): Promise<void>;
}

const maxBodyBytes = 16 * 1024;

/** Versions that judge beside the ones that decide (docs/shadow.md). */
export function shadowRouter(shadows: ShadowRouterDependencies): Router {
  const router = Router();

  router.get('/policies/:bundle/shadow', needs('policy:read'), async (request, response) => {
    response.json(await shadows.get(named(request)));
  });

  router.put(
    '/policies/:bundle/shadow',
    needs('policy:write'),
    ...readBody(maxBodyBytes),
    once(putShadowSchema),
    async (request, response) => {
      const put = bodyOf(request, putShadowSchema);
      response.json(await shadows.put(named(request), put, changedBy(request, response)));
    },
  );

  router.delete('/policies/:bundle/shadow', needs('policy:write'), once(), async (request, response) => {
    await shadows.end(named(request), changedBy(request, response));
    response.status(204).end();
  });

  return router;
}

function named(request: Request): Named {
  const { bundle } = validate(z.object({ bundle: nameSchema }), { bundle: request.params['bundle'] });
  return { tenant_id: requiredTenant(request), policy_bundle: bundle };
}
