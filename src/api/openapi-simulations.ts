import '../contract/simulation';
import {
  answer,
  common,
  errors,
  header,
  json,
  notFound,
  pageToken,
  pathParameter,
  query,
} from './openapi-parts';

const bundle = pathParameter('bundle', undefined, { pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$' });
const id = pathParameter('simulation_id', undefined, { format: 'uuid' });
const conflict = (details: string) => ({ '409': answer(`INVALID_REQUEST: ${details}`, 'ErrorResponse') });

/** Candidates of policies on what was judged before. */
export function simulationPaths() {
  return {
    '/policies/{bundle}/simulate': {
      post: {
        operationId: 'simulatePolicy',
        summary:
          'Replay what was judged in a time through another version, or a policy that is stored nowhere',
        description:
          'No detector is called, and no content is needed. What detectors would have found that did not look then is counted as unknown.',
        parameters: [bundle, header('X-Principal', 'Who calls, while there is no authentication'), ...common],
        requestBody: { required: true, content: json('SimulatePolicy') },
        responses: {
          '202': {
            ...answer('The simulation, which goes on; ask for it at `Location`', 'Simulation'),
            headers: { Location: { schema: { type: 'string' } } },
          },
          ...errors,
          ...notFound,
          '403': answer('RATE_LIMITED: `too_many_simulations`, `overloaded`', 'ErrorResponse'),
          ...conflict('`nothing_to_replay`'),
        },
      },
    },
    '/policies/{bundle}/simulations': {
      get: {
        operationId: 'listSimulations',
        summary: 'Simulations of the last 30 days, without their reports',
        parameters: [
          bundle,
          query('limit', { type: 'integer', minimum: 1, maximum: 200, default: 50 }),
          pageToken,
          ...common,
        ],
        responses: { '200': answer('A page of them, the latest first', 'SimulationList'), ...errors },
      },
    },
    '/policies/{bundle}/simulations/{simulation_id}': {
      get: {
        operationId: 'getSimulation',
        summary: 'How far it is and, when it is completed, its report',
        parameters: [bundle, id, ...common],
        responses: { '200': answer('The simulation', 'Simulation'), ...errors, ...notFound },
      },
      delete: {
        operationId: 'cancelSimulation',
        parameters: [bundle, id, ...common],
        responses: {
          '200': answer('It is cancelled', 'Simulation'),
          ...errors,
          ...notFound,
          ...conflict('`simulation_not_cancellable`'),
        },
      },
    },
  };
}
