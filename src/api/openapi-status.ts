import '../contract/status-api';
import { answer, common, errors } from './openapi-parts';

/** The path of the status. */
export function statusPaths() {
  return {
    '/status': {
      get: {
        operationId: 'status',
        summary: 'Components, queue, and how each detector did in the last hour against the day',
        description:
          'What only the store knows is null while it is away. A tenant sees what is shared, and its own.',
        parameters: common,
        responses: { '200': answer('As of now', 'StatusResponse'), ...errors },
      },
    },
  };
}
