import { type Request, Router } from 'express';
import type { ChangedBy } from '../contract/changed-by';
import {
  type KeyRotation,
  type KeyRotationList,
  type KeyRotationPlan,
  type KeyRotationQuery,
  keyRotationQuerySchema,
  type KeyStatus,
  type RotateKeys,
  rotateKeysSchema,
} from '../contract/keys-api';
import { needs } from './access';
import { bodyOf, readBody } from './json-body';
import { once } from './once';
import { changedBy } from './principal';
import { validate } from './validate';

export interface KeysRouterDependencies {
  readonly keys: {
    status(): Promise<KeyStatus>;
    list(query: KeyRotationQuery): Promise<KeyRotationList>;
    get(rotationId: string): Promise<KeyRotation>;
    rotate(asked: RotateKeys, by: ChangedBy): Promise<KeyRotation | KeyRotationPlan>;
  };
}

const maxBodyBytes = 4 * 1024;
const access = () => needs('keys:admin', { reach: 'installation' });

/** What everything is encrypted under (docs/keys.md): of the installation, never of one tenant's callers. */
export function keysRouter({ keys }: KeysRouterDependencies): Router {
  const router = Router();

  router.get('/keys', access(), async (_request, response) => {
    response.json(await keys.status());
  });

  router.get('/keys/rotations', access(), async (request, response) => {
    response.json(await keys.list(validate(keyRotationQuerySchema, request.query)));
  });

  router.get('/keys/rotations/:rotation_id', access(), async (request, response) => {
    response.json(await keys.get(idOf(request)));
  });

  router.post(
    '/keys/rotations',
    access(),
    ...readBody(maxBodyBytes),
    once(rotateKeysSchema),
    async (request, response) => {
      const asked = bodyOf(request, rotateKeysSchema);
      const done = await keys.rotate(asked, changedBy(request, response));
      if ('dry_run' in done) {
        response.json(done);
        return;
      }
      response.status(202).location(`/api/v1/keys/rotations/${done.rotation_id}`).json(done);
    },
  );

  return router;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** One that is no UUID is nobody's. */
function idOf(request: Request): string {
  const id = String(request.params['rotation_id']);
  return uuid.test(id) ? id : '00000000-0000-4000-8000-000000000000';
}
