import { Router } from 'express';
import { z } from 'zod';
import type { CallbackList } from '../contract/callback';
import { callbackStatuses } from '../contract/callback-state';
import type { Callbacks } from '../store/callbacks';
import type { Jobs } from '../submission/jobs';
import { needs } from './access';
import { jobIdOf } from './orchestrate-router';
import { once } from './once';
import { tenantOf } from './tenant-header';
import { validate } from './validate';

export interface CallbacksRouterDependencies {
  readonly jobs: Pick<Jobs, 'replayCallback'>;
  readonly callbacks: Pick<Callbacks, 'list'>;
}

const listQuerySchema = z.strictObject({
  status: z.enum(callbackStatuses).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  page_token: z
    .string()
    .regex(/^\d{1,18}$/, 'is no token that a list has given')
    .optional(),
});

/** What became of callbacks, and how to have one made again (docs/callbacks.md). */
export function callbacksRouter({ jobs, callbacks }: CallbacksRouterDependencies): Router {
  const router = Router();

  router.get('/orchestrate/callbacks', needs('orchestrate:read'), async (request, response) => {
    const { status = null, limit, page_token: before = null } = validate(listQuerySchema, request.query);
    const { listed, total, next } = await callbacks.list(tenantOf(request), status, { limit, before });
    response.json({
      callbacks: listed,
      total_count: total,
      ...(next !== null && { next_page_token: next }),
    } satisfies CallbackList);
  });

  router.post(
    '/orchestrate/jobs/:job_id/callback/replay',
    needs('orchestrate:write'),
    once(),
    async (request, response) => {
      response.status(202).json(await jobs.replayCallback(jobIdOf(request), tenantOf(request)));
    },
  );

  return router;
}
