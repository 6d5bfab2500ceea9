import { type Request, type Response, Router } from 'express';
import type { BreakerForced, BreakerInfo, BreakerStatus, OpenBreakers } from '../contract/breaker-api';
import { GatewayError } from '../contract/errors';
import { isVisibleId } from '../domain/registry';
import type { BreakerSharing } from '../registry/breaker-sharing';
import type { Breakers } from '../registry/breakers';
import { needs } from './access';
import { once } from './once';
import { allBreakers, breakerInfo, breakerSummary } from './breaker-views';
import { requireOperable } from './operable';
import { contextOf } from './request-context';
import { sightOf } from './sight';
import { tenantOf } from './tenant-header';

export interface BreakerRouterDependencies {
  readonly breakers: Breakers;
  readonly sharing: Pick<BreakerSharing, 'force'>;
}

/** spec/gateway.md 6: what breakers do, and an operator's word to them, which all processes follow within a second. */
export function breakerRouter({ breakers, sharing }: BreakerRouterDependencies): Router {
  const router = Router();

  router.get(
    ['/circuit-breaker/status', '/health/circuit-breakers'],
    needs('breaker:read', { reach: 'shared' }),
    (request, response) => {
      const infos = allBreakers(breakers, sightOf(request));
      response.json({
        summary: breakerSummary(infos),
        circuit_breakers: infos,
        timestamp: new Date().toISOString(),
      } satisfies BreakerStatus);
    },
  );

  router.get(
    '/health/circuit-breakers/open',
    needs('breaker:read', { reach: 'shared' }),
    (request, response) => {
      const open = allBreakers(breakers, sightOf(request)).filter(({ state }) => state === 'open');
      response.json({
        open_circuit_breakers: open,
        count: open.length,
        timestamp: new Date().toISOString(),
      } satisfies OpenBreakers);
    },
  );

  router.get(
    '/circuit-breaker/endpoints/:endpoint_id',
    needs('breaker:read', { reach: 'shared', resource: 'endpoint_id' }),
    (request, response) => {
      response.json(breakerInfo(breakers.describe(endpointOf(request))!) satisfies BreakerInfo);
    },
  );

  for (const action of ['reset', 'trip'] as const) {
    router.post(
      `/circuit-breaker/${action}/:endpoint_id`,
      needs('breaker:write', { reach: 'shared', resource: 'endpoint_id' }),
      once(),
      async (request: Request, response: Response) => {
        const endpointId = endpointOf(request);
        requireOperable(request, endpointId);
        const { requestId, correlationId } = contextOf(response);
        const by = { action, requestId, correlationId, tenantId: tenantOf(request) };
        await sharing.force(endpointId, by).catch(() => {
          throw new GatewayError('STORE_UNAVAILABLE', 'the store did not take it; nothing has changed');
        });
        response.json({
          success: true,
          message: action === 'trip' ? 'no call goes through' : 'calls go through',
          endpoint_id: endpointId,
          state: breakers.stateOf(endpointId),
          timestamp: new Date().toISOString(),
        } satisfies BreakerForced);
      },
    );
  }

  function endpointOf(request: Request): string {
    const endpointId = breakers.resolve(String(request.params['endpoint_id']));
    if (endpointId !== null && isVisibleId(endpointId, sightOf(request))) return endpointId;
    throw new GatewayError('ENDPOINT_NOT_FOUND', 'there is no such upstream');
  }

  return router;
}
