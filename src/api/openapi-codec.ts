import '../contract/codec';
import type { DeclaredRoute } from './access';
import { answer, common, errors, json, notFound } from './openapi-parts';

const decode = {
  post: {
    operationId: 'decodePayloads',
    summary: 'Payloads of workflow histories in plain, for Temporal Web',
    description:
      'The remote codec protocol of Temporal. Whoever is bound to a tenant decodes what its own runs hold. Each call is put on record with the runs that it is about.',
    parameters: common,
    requestBody: { required: true, content: json('CodecPayloads') },
    responses: {
      '200': answer('The payloads, in their order', 'CodecPayloads'),
      ...errors,
      ...notFound,
    },
  },
};

/** Path of what Temporal Web asks, if decoding is on. */
export function codecPaths(routes: readonly DeclaredRoute[]) {
  const isOn = routes.some(({ path }) => path === '/api/v1/codec/decode');
  return Object.fromEntries(isOn ? [['/codec/decode', decode]] : []);
}
