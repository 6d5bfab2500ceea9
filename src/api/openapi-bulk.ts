import { bulkItemStatuses } from '../contract/bulk';
import { callbacksOf } from './openapi-callbacks';
import {
  answer,
  common,
  errors,
  header,
  idempotencyKey,
  notFound,
  pathParameter,
  query,
  ref,
} from './openapi-parts';

const job = (description: string) => answer(description, 'BulkJob');
const refusal = (description: string) => answer(description, 'ErrorResponse');

const callbackUrl = header(
  'X-Callback-URL',
  'Called when the job has ended (docs/callbacks.md); a re-run without it calls whom its parent called',
);
const bulkCallbacks = callbacksOf('bulkJobEnded', '{$request.header.X-Callback-URL}', 'BulkJobCallback');

/** A stream as text, or each of its events for those who take it apart. */
const eventSchema = {
  type: ['string', 'object'],
  properties: { id: { type: 'string' }, event: { type: 'string' }, data: { type: 'string' } },
};

/** Paths of bulk jobs. */
export function bulkPaths() {
  const bulkId = pathParameter('bulk_id');
  const parameters = [bulkId, ...common];
  const found = { ...errors, ...notFound };
  const action = (operationId: string, summary: string, done: string, conflict: string) => ({
    operationId,
    summary,
    parameters,
    responses: { '200': job(done), ...found, '409': refusal(`INVALID_REQUEST: \`${conflict}\``) },
  });
  return {
    '/orchestrate/bulk': {
      post: {
        operationId: 'submitBulk',
        summary: 'Have up to 100,000 items judged in the background',
        description:
          'Newline-delimited JSON, one OrchestrationRequest a line, at most 256 KiB each; `processing_mode` is without effect and `priority` is `low` unless a line says otherwise. A bad line fails alone; an upload is taken whole or not at all.',
        parameters: [...common, idempotencyKey, callbackUrl],
        requestBody: {
          required: true,
          content: { 'application/x-ndjson': { schema: { type: 'string' } } },
        },
        responses: {
          '202': job('Taken; `Location` is the job'),
          ...errors,
          '403': refusal('INSUFFICIENT_RBAC (`tenant_mismatch`) or RATE_LIMITED'),
          '409': refusal('INVALID_REQUEST: `idempotency_conflict` or `upload_in_progress`'),
        },
        callbacks: bulkCallbacks,
      },
    },
    '/orchestrate/bulk/{bulk_id}': {
      get: {
        operationId: 'bulkStatus',
        summary: 'State, counts and progress of a bulk job',
        parameters,
        responses: { '200': job('The job'), ...found },
      },
      delete: action('cancelBulk', 'Cancel a bulk job', 'The job, cancelled', 'bulk_not_cancellable'),
    },
    '/orchestrate/bulk/{bulk_id}/pause': {
      post: action(
        'pauseBulk',
        'Start no more items until the job is resumed',
        'The job, paused',
        'bulk_not_pausable',
      ),
    },
    '/orchestrate/bulk/{bulk_id}/resume': {
      post: action('resumeBulk', 'Go on with a paused job', 'The job, running', 'bulk_not_resumable'),
    },
    '/orchestrate/bulk/{bulk_id}/rerun': {
      post: {
        operationId: 'rerunBulk',
        summary: 'A new job with the items that failed',
        description: 'Lines that were no requests are left out. Possible while the content is kept.',
        parameters: [...parameters, idempotencyKey, callbackUrl],
        responses: {
          '202': job('The new job, with `parent_bulk_id`'),
          ...found,
          '403': refusal('RATE_LIMITED'),
          '409': refusal('INVALID_REQUEST: `bulk_not_finished`, `nothing_to_rerun`, `content_expired`'),
        },
        callbacks: bulkCallbacks,
      },
    },
    '/orchestrate/bulk/{bulk_id}/callback/replay': {
      post: {
        operationId: 'replayBulkCallback',
        summary: 'Call back once more',
        description: 'As for jobs: the same message under the same `webhook-id`. Audited.',
        parameters,
        responses: {
          '202': job('The job, with the state of its callback'),
          ...found,
          '409': refusal('INVALID_REQUEST: `bulk_not_finished`'),
        },
      },
    },
    '/orchestrate/bulk/{bulk_id}/events': {
      get: {
        operationId: 'bulkEvents',
        summary: 'The job as server-sent events, until it has ended',
        description:
          'Events `progress`, then one `end`; the data of each is a whole BulkJob. A reconnection with the id of `end` is answered with 204.',
        parameters,
        responses: {
          '200': {
            description: 'The events',
            content: { 'text/event-stream': { schema: eventSchema } },
          },
          '204': { description: 'The client has seen the end' },
          ...found,
        },
      },
    },
    '/orchestrate/bulk/{bulk_id}/outcomes': {
      get: {
        operationId: 'bulkOutcomes',
        summary: 'What became of each item, in the order of the items',
        parameters: [...parameters, query('status', { enum: bulkItemStatuses })],
        responses: {
          '200': {
            description: 'One BulkOutcome a line',
            content: { 'application/x-ndjson': { schema: ref('BulkOutcome') } },
          },
          ...found,
        },
      },
    },
  };
}
