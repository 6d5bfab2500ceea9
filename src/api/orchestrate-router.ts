import { type NextFunction, type Request, type Response, Router } from 'express';
import type { ContentIntake } from '../content/intake';
import { ConclaveError } from '../contract/errors';
import { rerunRequestSchema, type SentRequest, sentRequestSchema } from '../contract/request';
import { jobIdPattern } from '../contract/text';
import type { Answer } from '../submission/execution';
import type { Jobs } from '../submission/jobs';
import type { Submission } from '../submission/submission';
import { gateOf, needs } from './access';
import { asConclaveError } from './error-handler';
import { type CallbackRules, withCallback } from './callback-url';
import { atFloodgate } from './floodgate';
import { idempotencyKeyOf } from './idempotency-key';
import { bodyOf, readBody } from './json-body';
import { once } from './once';
import type { RateLimit } from './rate-limit';
import { askedBy } from './principal';
import { contextOf } from './request-context';
import { tenantOf } from './tenant-header';

export interface OrchestrateRouterDependencies {
  readonly submission: Submission;
  readonly intake: Pick<ContentIntake, 'take'>;
  readonly jobs: Jobs;
  readonly rateLimit: RateLimit;
  readonly rateLimitOf: (tenantId: string, bundle: string) => number;
  readonly maxBodyBytes: number;
  readonly callbacks: CallbackRules;
  /** Told of requests that are refused. @param body absent: it could not be read */
  readonly refused: (error: ConclaveError, body: SentRequest | undefined) => void;
  /** Refuses requests unread when there are too many to read. */
  readonly approach: () => void;
}

/** POST /orchestrate and the jobs that come of it (spec/orchestration.md 2.2). */
export function orchestrateRouter(deps: OrchestrateRouterDependencies): Router {
  const router = Router();
  const readJson = readBody(deps.maxBodyBytes);

  router.post(
    '/orchestrate',
    needs('orchestrate:write', { countsItself: true, leaves: 'decision' }),
    atFloodgate(deps.approach),
    ...readJson,
    async (request, response) => {
      const context = contextOf(response);
      const idempotencyKey = idempotencyKeyOf(request);
      if (idempotencyKey !== null) response.set('Idempotency-Key', idempotencyKey);
      const sent = bodyOf(request, sentRequestSchema, ['content']);
      response.locals['body'] = sent;
      requireOwnTenant(request, sent.tenant_id);
      const { tenant_id: tenantId, policy_bundle: bundle } = sent;
      const perMinute = deps.rateLimitOf(tenantId, bundle);
      const limited = { endpoint: 'orchestrate', tenantId, bundle } as const;
      const end = await deps.rateLimit.admit(response, { limited, perMinute });
      try {
        const taken = await deps.intake.take(withCallback(sent, deps.callbacks), context.receivedAt);
        const answer = await deps.submission.submit({
          ...taken,
          requestId: context.requestId,
          correlationId: context.correlationId,
          traceparent: context.traceparent,
          asked: askedBy(request),
          idempotencyKey,
        });
        response.set('X-Cache', answer.cache ?? 'BYPASS');
        send(response, answer);
      } finally {
        end();
      }
    },
  );

  router.use('/orchestrate', (error: unknown, request: Request, response: Response, next: NextFunction) => {
    if (request.method === 'POST' && request.path === '/') {
      deps.refused(asConclaveError(error), response.locals['body'] as SentRequest | undefined);
    }
    next(error);
  });

  router.get('/orchestrate/status/:job_id', needs('orchestrate:read'), async (request, response) => {
    response.json(await deps.jobs.status(jobIdOf(request), tenantOf(request)));
  });

  router.delete(
    '/orchestrate/status/:job_id',
    needs('orchestrate:write'),
    once(),
    async (request, response) => {
      response.json(await deps.jobs.cancel(jobIdOf(request), tenantOf(request)));
    },
  );

  router.post(
    '/orchestrate/jobs/:job_id/rerun',
    needs('orchestrate:write'),
    ...readJson,
    async (request, response) => {
      const { correlationId, traceparent, receivedAt } = contextOf(response);
      const idempotencyKey = idempotencyKeyOf(request);
      if (idempotencyKey !== null) response.set('Idempotency-Key', idempotencyKey);
      const rerun = bodyOf(request, rerunRequestSchema, ['content']);
      send(
        response,
        await deps.jobs.rerun(jobIdOf(request), tenantOf(request), rerun, {
          correlationId,
          traceparent,
          asked: askedBy(request),
          idempotencyKey,
          receivedAt,
        }),
      );
    },
  );

  return router;
}

function send(response: Response, answer: Answer): void {
  response.status(answer.status).type('application/json');
  // Only a replay has an X-Request-ID of its own (design.md 8).
  if (answer.replayed) response.set('Idempotency-Replayed', 'true');
  else response.set('X-Request-ID', answer.requestId);
  if (answer.status === 202 && answer.jobId !== null) {
    response.set('Location', `/api/v1/orchestrate/status/${answer.jobId}`);
    response.set('Retry-After', '1');
  }
  if (answer.status === 429) response.set('Retry-After', '1');
  response.send(answer.body);
}

export function jobIdOf(request: Request): string {
  const { job_id: jobId } = request.params;
  if (typeof jobId === 'string' && jobIdPattern.test(jobId)) return jobId;
  throw new ConclaveError('INVALID_REQUEST', 'there is no such job', {
    status: 404,
    detail: 'job_not_found',
  });
}

function requireOwnTenant(request: Request, tenantId: string): void {
  const named = tenantOf(request);
  if (named === null || named === tenantId) return gateOf(request).requireActive(tenantId);
  throw new ConclaveError('INSUFFICIENT_RBAC', 'X-Tenant-ID and the body name different tenants', {
    detail: 'tenant_mismatch',
  });
}
