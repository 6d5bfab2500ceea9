import { Router } from 'express';
import { ConclaveError } from '../contract/errors';
import { type PolicyCheck, policyCheckSchema, type PolicyVerdict } from '../contract/policy-validation';
import { bodyOf, readBody } from './json-body';
import { tenantOf } from './tenant-header';

export interface PolicyCheckRouterDependencies {
  /** Null: the caller has named no tenant. Stores nothing. */
  readonly check: (tenantId: string | null, check: PolicyCheck) => Promise<PolicyVerdict>;
}

const maxBodyBytes = 4 * 1024 * 1024;
/** Each of them compiles Rego in a process of its own. */
const maxAtOnce = 2;
const maxWaiting = 8;

/** POST /policies/validate: results, or a candidate before it is put in place (spec/orchestration.md 1.11). */
export function policyCheckRouter({ check }: PolicyCheckRouterDependencies): Router {
  const router = Router();
  const inTurn = turnstile();

  router.post('/policies/validate', ...readBody(maxBodyBytes), async (request, response) => {
    const asked = bodyOf(request, policyCheckSchema);
    const tenantId = tenantOf(request);
    const named = asked.policy?.['tenant_id'];
    if (tenantId !== null && typeof named === 'string' && named !== tenantId) {
      throw new ConclaveError('INSUFFICIENT_RBAC', 'X-Tenant-ID and the policy name different tenants', {
        detail: 'tenant_mismatch',
      });
    }
    response.json(await inTurn(() => check(tenantId, asked)));
  });

  return router;
}

/** Lets so many through at a time, keeps so many waiting, and turns the others away. */
function turnstile() {
  let inside = 0;
  const waiting: (() => void)[] = [];
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (waiting.length >= maxWaiting) {
      throw new ConclaveError('RATE_LIMITED', 'too many policies are being checked already', {
        detail: 'overloaded',
        retryAfterSeconds: 2,
      });
    }
    if (inside >= maxAtOnce) await new Promise<void>((enter) => waiting.push(enter));
    else inside += 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else inside -= 1;
    }
  };
}
