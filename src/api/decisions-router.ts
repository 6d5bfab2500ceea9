import { Router } from 'express';
import { z } from 'zod';
import {
  type DecisionList,
  type DecisionQuery,
  decisionQuerySchema,
  type LoggedDecision,
} from '../contract/decision-log';
import { ConclaveError } from '../contract/errors';
import type { DecisionPage } from '../store/logged-decisions';
import type { Explanations } from '../submission/explanations';
import { needs } from './access';
import { opaDecision } from './opa-decision';
import { sendLines } from './send-lines';
import { requiredTenant } from './tenant-header';
import { validate } from './validate';

export interface DecisionsRouterDependencies {
  readonly explanations: Pick<Explanations, 'explain'>;
  readonly decisions: {
    count(tenantId: string, query: DecisionQuery): Promise<number>;
    page(tenantId: string, query: DecisionQuery, limit: number, after: string | null): Promise<DecisionPage>;
    all(tenantId: string, query: DecisionQuery): AsyncIterable<LoggedDecision>;
  };
  /** Writes what this process has decided and not yet written. */
  readonly flush: () => Promise<void>;
  readonly version: string;
}

const listQuerySchema = decisionQuerySchema.extend({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  page_token: z
    .string()
    .regex(/^\d{1,18}$/, 'is no token that a list has given')
    .optional(),
});

/** Why an orchestration ended as it did, and what policies have decided (docs/policy-decisions.md). */
export function decisionsRouter(deps: DecisionsRouterDependencies): Router {
  const router = Router();

  router.get('/orchestrate/:request_id/explain', needs('orchestrate:read'), async (request, response) => {
    const { request_id: requestId } = request.params;
    if (!z.uuid().safeParse(requestId).success) {
      throw new ConclaveError('INVALID_REQUEST', 'there is no such orchestration', {
        status: 404,
        detail: 'request_not_found',
      });
    }
    response.json(await deps.explanations.explain(String(requestId), requiredTenant(request)));
  });

  router.get('/policies/decisions', needs('audit:read'), async (request, response) => {
    const { limit, page_token: after, ...query } = validate(listQuerySchema, request.query);
    const tenant = requiredTenant(request);
    await deps.flush();
    const [page, total] = await Promise.all([
      deps.decisions.page(tenant, query, limit, after ?? null),
      deps.decisions.count(tenant, query),
    ]);
    response.json({
      decisions: [...page.decisions],
      total_count: total,
      ...(page.next !== null && { next_page_token: page.next }),
    } satisfies DecisionList);
  });

  router.get(
    '/policies/decisions/export',
    needs('audit:read', { leaves: 'operation' }),
    async (request, response) => {
      const query = validate(decisionQuerySchema, request.query);
      const tenant = requiredTenant(request);
      await deps.flush();
      const lines = async function* () {
        for await (const decision of deps.decisions.all(tenant, query))
          yield `${JSON.stringify(opaDecision(decision, deps.version))}\n`;
      };
      await sendLines(response, 'application/x-ndjson', lines());
    },
  );

  return router;
}
