import { type Request, type Response, Router } from 'express';
import { type BulkJobResponse, bulkIdPattern, type BulkItemStatus, bulkItemStatuses } from '../contract/bulk';
import { ConclaveError } from '../contract/errors';
import type { Bulk, BulkCall } from '../submission/bulk';
import { gateOf, needs } from './access';
import { uploadedLines } from './bulk-lines';
import { type CallbackRules, callbackUrlOf, requireCallback } from './callback-url';
import { atFloodgate } from './floodgate';
import { idempotencyKeyOf } from './idempotency-key';
import { once } from './once';
import type { RateLimit } from './rate-limit';
import { askedBy } from './principal';
import { contextOf } from './request-context';
import { allowLongBody } from './request-time';
import { sendLines } from './send-lines';
import { sendEvents, type ServerEvent, untilGone } from './server-events';
import { tenantOf } from './tenant-header';

export interface BulkRouterDependencies {
  readonly bulk: Bulk;
  readonly rateLimit: RateLimit;
  readonly callbacks: CallbackRules;
  /** Uploads and re-runs a minute for each tenant. */
  readonly uploadsPerMinute: number;
  readonly maxLineBytes: number;
  readonly maxImagePixels: number;
  /** Refuses uploads unread when there is too much to read. */
  readonly approach: () => void;
  /** Fires when the process stops: no stream may hold it up. */
  readonly stopping: AbortSignal;
}

const uploadTypes = ['application/x-ndjson', 'application/ndjson', 'application/jsonl'];

/** Bulk jobs: uploads of many items, followed, held, ended and read as one (docs/bulk.md). */
export function bulkRouter(deps: BulkRouterDependencies): Router {
  const { bulk } = deps;
  const router = Router();

  router.post(
    '/orchestrate/bulk',
    needs('orchestrate:write', { countsItself: true }),
    atFloodgate(deps.approach),
    async (request, response) => {
      requireNdjson(request);
      allowLongBody(request, response);
      send(
        response,
        await bulk.submit({
          ...callOf(request, response),
          ...uploadedLines(request, deps),
          route: 'POST /orchestrate/bulk',
          tenantId: tenantOf(request),
          parentBulkId: null,
        }),
      );
    },
  );

  const countsItself = needs('orchestrate:write', { countsItself: true });
  router.post('/orchestrate/bulk/:bulk_id/rerun', countsItself, async (request, response) => {
    send(response, await bulk.rerun(bulkIdOf(request), tenantOf(request), callOf(request, response)));
  });

  router.get('/orchestrate/bulk/:bulk_id', needs('orchestrate:read'), async (request, response) => {
    response.json(await bulk.status(bulkIdOf(request), tenantOf(request)));
  });

  router.post(
    '/orchestrate/bulk/:bulk_id/pause',
    needs('orchestrate:write'),
    once(),
    async (request, response) => {
      response.json(await bulk.pause(bulkIdOf(request), tenantOf(request)));
    },
  );

  router.post(
    '/orchestrate/bulk/:bulk_id/resume',
    needs('orchestrate:write'),
    once(),
    async (request, response) => {
      response.json(await bulk.resume(bulkIdOf(request), tenantOf(request)));
    },
  );

  router.post(
    '/orchestrate/bulk/:bulk_id/callback/replay',
    needs('orchestrate:write'),
    once(),
    async (request, response) => {
      response.status(202).json(await bulk.replayCallback(bulkIdOf(request), tenantOf(request)));
    },
  );

  router.delete(
    '/orchestrate/bulk/:bulk_id',
    needs('orchestrate:write'),
    once(),
    async (request, response) => {
      response.json(await bulk.cancel(bulkIdOf(request), tenantOf(request)));
    },
  );

  router.get('/orchestrate/bulk/:bulk_id/events', needs('orchestrate:read'), async (request, response) => {
    const bulkId = bulkIdOf(request);
    const job = await bulk.status(bulkId, tenantOf(request));
    // A client that has seen the end and comes back is told to stay away.
    if (job.completed_at !== null && request.get('last-event-id') === eventIdOf(job)) {
      response.status(204).end();
      return;
    }
    const gone = untilGone(response, deps.stopping);
    await sendEvents(response, eventsOf(await bulk.changes(bulkId, tenantOf(request), gone)));
  });

  router.get('/orchestrate/bulk/:bulk_id/outcomes', needs('orchestrate:read'), async (request, response) => {
    const lines = await bulk.outcomes(bulkIdOf(request), tenantOf(request), statusOf(request));
    await sendLines(response, 'application/x-ndjson', lines);
  });

  return router;

  function callOf(request: Request, response: Response): BulkCall {
    const { requestId, correlationId, traceparent, receivedAt } = contextOf(response);
    const idempotencyKey = idempotencyKeyOf(request);
    if (idempotencyKey !== null) response.set('Idempotency-Key', idempotencyKey);
    const callbackUrl = callbackUrlOf(request);
    return {
      requestId,
      correlationId,
      traceparent,
      asked: askedBy(request),
      receivedAt,
      idempotencyKey,
      callbackUrl,
      async admit(tenantId) {
        gateOf(request).requireActive(tenantId);
        requireCallback(callbackUrl, tenantId, deps.callbacks);
        await deps.rateLimit.consume(response, {
          limited: { endpoint: 'bulk', tenantId, bundle: null },
          perMinute: deps.uploadsPerMinute,
        });
      },
    };
  }
}

function send(response: Response, { job, replayed }: { job: BulkJobResponse; replayed: boolean }): void {
  if (replayed) response.set('Idempotency-Replayed', 'true');
  response.status(202).set('Location', `/api/v1/orchestrate/bulk/${job.bulk_id}`).json(job);
}

async function* eventsOf(changes: AsyncIterable<BulkJobResponse>): AsyncGenerator<ServerEvent> {
  for await (const job of changes) {
    yield { id: eventIdOf(job), event: job.completed_at === null ? 'progress' : 'end', data: job };
  }
}

/** Every event is the whole state, so that nothing is missed by whoever comes late. */
function eventIdOf(job: BulkJobResponse): string {
  return `${job.processed_items}-${job.status}${job.completed_at === null ? '' : '-end'}`;
}

function bulkIdOf(request: Request): string {
  const { bulk_id: bulkId } = request.params;
  if (typeof bulkId === 'string' && bulkIdPattern.test(bulkId)) return bulkId;
  throw new ConclaveError('INVALID_REQUEST', 'there is no such bulk job', {
    status: 404,
    detail: 'bulk_not_found',
  });
}

function statusOf(request: Request): BulkItemStatus | null {
  const { status } = request.query;
  if (status === undefined) return null;
  const known = bulkItemStatuses.find((each) => each === status);
  if (known) return known;
  const message = `must be one of ${bulkItemStatuses.join(', ')}`;
  throw new ConclaveError('INVALID_REQUEST', `status ${message}`, {
    detail: 'validation_failed',
    fieldErrors: [{ path: 'status', message }],
  });
}

function requireNdjson(request: Request): void {
  if (uploadTypes.some((type) => request.is(type) === type) && request.get('content-encoding') === undefined)
    return;
  throw new ConclaveError(
    'INVALID_REQUEST',
    'the body must be newline-delimited JSON, uncompressed: send Content-Type: application/x-ndjson',
    { detail: 'content_type_not_ndjson' },
  );
}
