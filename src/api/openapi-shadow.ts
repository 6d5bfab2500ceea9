import '../contract/shadow';
import { answer, common, errors, header, json, notFound } from './openapi-parts';

const bundle = {
  name: 'bundle',
  in: 'path',
  required: true,
  schema: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$' },
};
const principal = header('X-Principal', 'Who calls, while there is no authentication');

/** Versions that judge beside the ones that decide. */
export function shadowPaths() {
  return {
    '/policies/{bundle}/shadow': {
      get: {
        operationId: 'getPolicyShadow',
        summary: 'What a version that ran beside the bundle came out differently on',
        parameters: [bundle, ...common],
        responses: {
          '200': answer('The last one, which may have ended', 'PolicyShadow'),
          ...errors,
          ...notFound,
        },
      },
      put: {
        operationId: 'putPolicyShadow',
        summary: 'Have a version judge a share of the requests, too, once they are answered',
        description:
          'From what detectors have said to the version that decides; it changes no answer. In the place of the one before, whose counts are gone; saying the same again changes nothing.',
        parameters: [bundle, principal, ...common],
        requestBody: { required: true, content: json('PutPolicyShadow') },
        responses: {
          '200': answer('It runs, on every replica within a second', 'PolicyShadow'),
          ...errors,
          ...notFound,
          '409': answer('INVALID_REQUEST: `version_not_shadowable`', 'ErrorResponse'),
        },
      },
      delete: {
        operationId: 'endPolicyShadow',
        summary: 'End it; what was counted stays to be read',
        parameters: [bundle, principal, ...common],
        responses: { '204': { description: 'It has ended; may be repeated' }, ...errors, ...notFound },
      },
    },
  };
}
