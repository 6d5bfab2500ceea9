import { type Request, type Response, Router } from 'express';
import { z } from 'zod';
import {
  type OnboardingSecret,
  type OnboardTenant,
  onboardTenantSchema,
} from '../contract/tenant-onboarding';
import type { TenantOperation, TenantOperationList } from '../contract/tenant-operations';
import { tenantSchema } from '../contract/text';
import { needs } from './access';
import { bodyOf, readBody } from './json-body';
import { once } from './once';
import { identityOf, type TenantCaller, tenantCallerOf } from './principal';
import { sendLines } from './send-lines';
import { validate } from './validate';

export interface TenantLifecycleRouterDependencies {
  readonly lifecycle: {
    erase(tenantId: string, caller: TenantCaller): Promise<TenantOperation>;
    onboard(tenantId: string, asked: OnboardTenant, caller: TenantCaller): Promise<TenantOperation>;
    takeSecret(tenantId: string, operationId: string, caller: TenantCaller): Promise<OnboardingSecret>;
    export(tenantId: string, caller: TenantCaller): Promise<TenantOperation>;
    file(
      tenantId: string,
      operationId: string,
      name: string,
      own: string | null,
    ): Promise<AsyncIterable<Buffer>>;
    get(tenantId: string, operationId: string, own: string | null): Promise<TenantOperation>;
    list(tenantId: string, own: string | null): Promise<TenantOperationList>;
  };
}

const maxBodyBytes = 64 * 1024;

/** What is done to a tenant as a whole (docs/tenants.md). */
export function tenantLifecycleRouter({ lifecycle }: TenantLifecycleRouterDependencies): Router {
  const router = Router();

  router.delete('/tenants/:tenant_id', needs('tenant:admin'), once(), async (request, response) => {
    begun(response, await lifecycle.erase(namedIn(request), tenantCallerOf(request, response)));
  });

  router.get('/tenants/:tenant_id/operations', needs('tenant:admin'), async (request, response) => {
    response.json(await lifecycle.list(namedIn(request), identityOf(request).tenantId));
  });

  router.get(
    '/tenants/:tenant_id/operations/:operation_id',
    needs('tenant:admin'),
    async (request, response) => {
      const own = identityOf(request).tenantId;
      response.json(await lifecycle.get(namedIn(request), operationIn(request), own));
    },
  );

  router.post(
    '/tenants/:tenant_id/onboarding',
    needs('tenant:admin'),
    ...readBody(maxBodyBytes),
    once(onboardTenantSchema),
    async (request, response) => {
      const asked = bodyOf(request, onboardTenantSchema);
      begun(response, await lifecycle.onboard(namedIn(request), asked, tenantCallerOf(request, response)));
    },
  );

  router.post(
    '/tenants/:tenant_id/onboarding/:operation_id/secret',
    needs('tenant:admin'),
    once(),
    async (request, response) => {
      const caller = tenantCallerOf(request, response);
      response.json(await lifecycle.takeSecret(namedIn(request), operationIn(request), caller));
    },
  );

  router.post('/tenants/:tenant_id/exports', needs('tenant:admin'), once(), async (request, response) => {
    begun(response, await lifecycle.export(namedIn(request), tenantCallerOf(request, response)));
  });

  router.get(
    '/tenants/:tenant_id/exports/:operation_id/files/:file',
    needs('tenant:admin'),
    async (request, response) => {
      const { tenantId: own } = identityOf(request);
      const name = String(request.params['file']);
      const lines = await lifecycle.file(namedIn(request), operationIn(request), name, own);
      await sendLines(response, 'application/x-ndjson', lines);
    },
  );

  return router;
}

/** One that has ended is answered with what came of it. */
function begun(response: Response, operation: TenantOperation): void {
  const { tenant_id: tenantId, operation_id: id, status } = operation;
  response
    .status(status === 'running' ? 202 : 200)
    .location(`/api/v1/tenants/${tenantId}/operations/${id}`)
    .json(operation);
}

const tenantInPath = z.object({ tenant_id: tenantSchema });

function namedIn(request: Request): string {
  return validate(tenantInPath, request.params).tenant_id;
}

const nobodys = '00000000-0000-4000-8000-000000000000';

/** One that is no UUID is nobody's. */
function operationIn(request: Request): string {
  const id = z.uuid().safeParse(request.params['operation_id']);
  return id.success ? id.data : nobodys;
}
