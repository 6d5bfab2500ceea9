import { Router } from 'express';
import type { FacadeDependencies } from './facade-call';
import { fmsRouter } from './fms';
import { litellmRouter } from './litellm';
import { moderationsRouter } from './openai-moderations';
import { portkeyRouter } from './portkey';

/** Other products' APIs over the same orchestration path (docs/facades.md): each with its own shapes, errors included. */
export function facadesRouter(deps: FacadeDependencies): Router {
  const router = Router();
  router.use(fmsRouter(deps), moderationsRouter(deps), litellmRouter(deps), portkeyRouter(deps));
  return router;
}
