import { decisionOutcomes, policyDecisions } from '../contract/decision-log';
import '../contract/explanation';
import { answer, common, errors, notFound, pageNumber, pathParameter, query } from './openapi-parts';

const filters = [
  query('request_id', { type: 'string', format: 'uuid' }),
  query('policy_bundle', { type: 'string' }),
  query('decision', { type: 'string', enum: [...policyDecisions] }),
  query('outcome', { type: 'string', enum: [...decisionOutcomes] }),
  query('from', { type: 'string', format: 'date-time' }),
  query('to', { type: 'string', format: 'date-time' }),
];

/** Paths of explanations and of the decision log. */
export function decisionPaths() {
  return {
    '/orchestrate/{request_id}/explain': {
      get: {
        operationId: 'explain',
        summary: 'Why an orchestration ended as it did',
        description:
          'Out of what was recorded then: why each detector was chosen or not, what coverage demanded, how a conflict was decided. An answer out of the cache is explained by the run it came from. The tenant must be named.',
        parameters: [pathParameter('request_id', undefined, { format: 'uuid' }), ...common],
        responses: {
          '200': answer('The explanation', 'Explanation'),
          ...errors,
          ...notFound,
          '409': answer('INVALID_REQUEST: `orchestration_not_finished`', 'ErrorResponse'),
        },
      },
    },
    '/policies/decisions': {
      get: {
        operationId: 'listDecisions',
        summary: 'What policies have decided for the tenant, oldest first; kept for 30 days',
        parameters: [
          ...filters,
          query('limit', { type: 'integer', minimum: 1, maximum: 200, default: 50 }),
          pageNumber,
          ...common,
        ],
        responses: { '200': answer('A page of decisions', 'DecisionList'), ...errors },
      },
    },
    '/policies/decisions/export': {
      get: {
        operationId: 'exportDecisions',
        summary: 'The same as newline-delimited JSON in the format of the decision logs of OPA',
        parameters: [...filters, ...common],
        responses: {
          '200': {
            description: 'One decision a line; the input is erased, its digest is in `custom`',
            content: { 'application/x-ndjson': { schema: { type: 'string' } } },
          },
          ...errors,
        },
      },
    },
  };
}
