import { type Request, Router } from 'express';
import { z } from 'zod';
import {
  type Simulate,
  simulateSchema,
  type SimulationList,
  type SimulationView,
} from '../contract/simulation';
import { nameSchema } from '../contract/text';
import { needs } from './access';
import { policyTexts } from './firewall';
import { bodyOf, readBody } from './json-body';
import { once } from './once';
import { latestFirst, pageOf } from './pages';
import { principalOf } from './principal';
import { contextOf } from './request-context';
import { requiredTenant } from './tenant-header';
import { validate } from './validate';

interface Named {
  readonly tenant_id: string;
  readonly policy_bundle: string;
}

export interface SimulationsRouterDependencies {
  begin(
    name: Named,
    asked: Simulate,
    by: { readonly principal: string; readonly correlationId: string },
  ): Promise<SimulationView>;
  get(name: Named, simulationId: string): Promise<SimulationView>;
  list(name: Named): Promise<readonly SimulationView[]>;
  cancel(name: Named, simulationId: string): Promise<SimulationView>;
}

const maxBodyBytes = 2 * 1024 * 1024;
const pageSchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  page_token: z.string().max(3000).optional(),
});

/** Candidates of policies on what was judged before (docs/simulation.md). */
export function simulationsRouter(simulations: SimulationsRouterDependencies): Router {
  const router = Router();

  router.post(
    '/policies/:bundle/simulate',
    needs('policy:write'),
    ...readBody(maxBodyBytes),
    once(simulateSchema),
    async (request, response) => {
      const asked = bodyOf(request, simulateSchema, policyTexts);
      const by = { principal: principalOf(request), correlationId: contextOf(response).correlationId };
      const begun = await simulations.begin(named(request), asked, by);
      response
        .status(202)
        .location(`/api/v1/policies/${begun.policy_bundle}/simulations/${begun.simulation_id}`)
        .json(begun);
    },
  );

  router.get('/policies/:bundle/simulations', needs('policy:read'), async (request, response) => {
    const query = validate(pageSchema, request.query);
    const all = await simulations.list(named(request));
    const { items, ...rest } = pageOf(all, query, (one) => [one.created_at, one.simulation_id], latestFirst);
    response.json({ simulations: [...items], total_count: all.length, ...rest } satisfies SimulationList);
  });

  router.get('/policies/:bundle/simulations/:id', needs('policy:read'), async (request, response) => {
    response.json(await simulations.get(named(request), idOf(request)));
  });

  router.delete(
    '/policies/:bundle/simulations/:id',
    needs('policy:write'),
    once(),
    async (request, response) => {
      response.json(await simulations.cancel(named(request), idOf(request)));
    },
  );

  return router;
}

function named(request: Request): Named {
  const { bundle } = validate(z.object({ bundle: nameSchema }), { bundle: request.params['bundle'] });
  return { tenant_id: requiredTenant(request), policy_bundle: bundle };
}

/** One that is no UUID is nobody's. */
function idOf(request: Request): string {
  const id = z.uuid().safeParse(request.params['id']);
  return id.success ? id.data : '00000000-0000-4000-8000-000000000000';
}
