import '../contract/keys-api';
import { answer, common, errors, json, notFound, pathParameter, query } from './openapi-parts';

/** Paths of what everything is encrypted under. */
export function keyPaths() {
  return {
    '/keys': {
      get: {
        operationId: 'keyStatus',
        summary: 'Master keys by id, what they wrap, and which process holds which; never a key',
        parameters: common,
        responses: { '200': answer('The keys', 'KeyStatus'), ...errors },
      },
    },
    '/keys/rotations': {
      get: {
        operationId: 'listKeyRotations',
        summary:
          'How keys were rotated, the latest 200 first; or what became of each tenant in a rotation of all',
        parameters: [query('part_of', { type: 'string', format: 'uuid' }), ...common],
        responses: { '200': answer('Rotations', 'KeyRotationList'), ...errors },
      },
      post: {
        operationId: 'rotateKeys',
        summary:
          'Have another master key wrap the keys of all tenants, or give a tenant, or all of them, a new key',
        description:
          'Of the master key, and of all tenants’ keys, a durable workflow; one that runs already is answered with. A tenant’s new key is used as soon as it is verified, or not at all; what is under the old one stays readable.',
        parameters: common,
        requestBody: { required: true, content: json('RotateKeys') },
        responses: {
          '200': answer('A dry run: what would be done', 'KeyRotationPlan'),
          '202': answer('The rotation', 'KeyRotation'),
          ...errors,
          '404': answer('INVALID_REQUEST: `tenant_has_no_key`', 'ErrorResponse'),
          '409': answer('INVALID_REQUEST: `no_new_key`, `keys_destroyed`', 'ErrorResponse'),
        },
      },
    },
    '/keys/rotations/{rotation_id}': {
      get: {
        operationId: 'keyRotation',
        summary: 'How far a rotation is',
        parameters: [pathParameter('rotation_id', undefined, { format: 'uuid' }), ...common],
        responses: { '200': answer('The rotation', 'KeyRotation'), ...errors, ...notFound },
      },
    },
  };
}
