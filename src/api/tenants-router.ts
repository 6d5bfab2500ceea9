import { type Request, Router } from 'express';
import { z } from 'zod';
import { type PutTenant, putTenantSchema, type TenantInfo, type TenantList } from '../contract/tenants';
import { tenantSchema } from '../contract/text';
import { needs } from './access';
import { bodyOf, readBody } from './json-body';
import { once } from './once';
import { byId, pageOf } from './pages';
import { type TenantCaller, tenantCallerOf } from './principal';
import { tenantOf } from './tenant-header';
import { validate } from './validate';

export interface TenantsRouterDependencies {
  readonly tenants: {
    get(tenantId: string, caller: Pick<TenantCaller, 'tenantId'>): Promise<TenantInfo>;
    list(own: string | null): Promise<readonly TenantInfo[]>;
    put(tenantId: string, put: PutTenant, caller: TenantCaller): Promise<TenantInfo>;
  };
}

const maxBodyBytes = 64 * 1024;
const pageSchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  page_token: z.string().max(300).optional(),
});

/** What each tenant may and wants (spec/orchestration.md 1.12, 2.2). */
export function tenantsRouter({ tenants }: TenantsRouterDependencies): Router {
  const router = Router();

  router.get('/tenants', needs('tenant:admin'), async (request, response) => {
    const query = validate(pageSchema, request.query);
    const all = await tenants.list(tenantOf(request));
    const { items, ...rest } = pageOf(all, query, ({ tenant_id: id }) => [id], byId);
    response.json({ tenants: [...items], total_count: all.length, ...rest } satisfies TenantList);
  });

  router.get('/tenants/:tenant_id', needs('tenant:admin'), async (request, response) => {
    response.json(await tenants.get(namedIn(request), tenantCallerOf(request, response)));
  });

  router.put(
    '/tenants/:tenant_id',
    needs('tenant:admin'),
    ...readBody(maxBodyBytes),
    once(putTenantSchema),
    async (request, response) => {
      const put = bodyOf(request, putTenantSchema);
      response.json(await tenants.put(namedIn(request), put, tenantCallerOf(request, response)));
    },
  );

  return router;
}

const pathSchema = z.strictObject({ tenant_id: tenantSchema });

function namedIn(request: Request): string {
  return validate(pathSchema, request.params).tenant_id;
}
