import { callbackStatuses } from '../contract/callback-state';
import '../contract/callback';
import {
  answer,
  common,
  errors,
  header,
  idAfter,
  json,
  notFound,
  pageNumber,
  pathParameter,
  query,
} from './openapi-parts';

/** Paths of callbacks. */
export function callbackPaths() {
  return {
    '/orchestrate/callbacks': {
      get: {
        operationId: 'listCallbacks',
        summary: 'What became of the callbacks of jobs, newest first; kept as long as the jobs',
        parameters: [
          query('status', { enum: [...callbackStatuses] }),
          query('limit', { type: 'integer', minimum: 1, maximum: 200, default: 50 }),
          pageNumber,
          ...common,
        ],
        responses: { '200': answer('A page of them', 'CallbackList'), ...errors },
      },
    },
    '/orchestrate/jobs/{job_id}/callback/replay': {
      post: {
        operationId: 'replayCallback',
        summary: 'Call back once more',
        description:
          'The same message under the same `webhook-id`, with as many tries as the first time. While a delivery is under way it goes on, and no second begins. Audited.',
        parameters: [pathParameter('job_id', undefined, idAfter('job')), ...common],
        responses: {
          '202': answer('The job, with the state of its callback', 'JobStatusResponse'),
          ...errors,
          ...notFound,
          '409': answer('INVALID_REQUEST: `job_not_finished`', 'ErrorResponse'),
        },
      },
    },
  };
}

const signed = (name: string, description: string) => ({ ...header(name, description), required: true });

/** What is asked of receivers, for the operations that name them. */
export function callbacksOf(name: string, expression: string, body: 'JobCallback' | 'BulkJobCallback') {
  return {
    [name]: {
      [expression]: {
        post: {
          summary: 'A job has ended; posted at least once',
          description:
            'Signed by the Standard Webhooks scheme. Answer 2xx within 3 s; 410 ends it; anything else is tried again over hours.',
          parameters: [
            signed('webhook-id', 'The job; the same at every repetition'),
            signed('webhook-timestamp', 'Of this attempt, in seconds since 1970'),
            signed('webhook-signature', '`v1,` and base64, one for each secret of the tenant'),
            signed('X-Orchestrator-Signature', '`sha256=` and the HMAC of the body in hex'),
          ],
          requestBody: { required: true, content: json(body) },
          responses: {
            '2XX': { description: 'Taken' },
            '410': { description: 'Not to be told any more' },
          },
        },
      },
    },
  };
}
