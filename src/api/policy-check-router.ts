import { Router } from 'express';
import { ConclaveError } from '../contract/errors';
import { type PolicyCheck, policyCheckSchema, type PolicyVerdict } from '../contract/policy-validation';
import { needs } from './access';
import { policyTexts } from './firewall';
import { bodyOf, readBody } from './json-body';
import { tenantOf } from './tenant-header';

export interface PolicyCheckRouterDependencies {
  /** Null: the caller has named no tenant. Stores nothing. */
  readonly check: (tenantId: string | null, check: PolicyCheck) => Promise<PolicyVerdict>;
}

const maxBodyBytes = 4 * 1024 * 1024;

/** POST /policies/validate: results, or a candidate before it is put in place (spec/orchestration.md 1.11). */
export function policyCheckRouter({ check }: PolicyCheckRouterDependencies): Router {
  const router = Router();

  router.post(
    '/policies/validate',
    needs('policy:read', { leaves: 'nothing' }),
    ...readBody(maxBodyBytes),
    async (request, response) => {
      const asked = bodyOf(request, policyCheckSchema, [...policyTexts, 'detector_results']);
      const tenantId = tenantOf(request);
      const named = asked.policy?.['tenant_id'];
      if (tenantId !== null && typeof named === 'string' && named !== tenantId) {
        throw new ConclaveError('INSUFFICIENT_RBAC', 'X-Tenant-ID and the policy name different tenants', {
          detail: 'tenant_mismatch',
        });
      }
      response.json(await check(tenantId, asked));
    },
  );

  return router;
}
