import { createHash, timingSafeEqual } from 'node:crypto';
import type { Payload } from '@temporalio/common';
import cors from 'cors';
import { type Request, Router } from 'express';
import { type CodecPayload, codecPayloadsSchema } from '../contract/codec';
import { ConclaveError } from '../contract/errors';
import type { Identity } from '../contract/identity';
import { RunKeyDestroyedError } from '../store/key-ring';
import type { PayloadOwner, PayloadReader } from '../store/payload-codec';
import { TamperedError } from '../store/sealed-box';
import { needs, open } from './access';
import { credentialsOf, type Gate } from './gate';
import { bodyOf, readBody } from './json-body';
import { concerns } from './operations';
import { tenantOf } from './tenant-header';

export interface CodecRouterDependencies {
  readonly payloads: Pick<PayloadReader, 'decode' | 'ownerOf'>;
  readonly token: string;
  /** Of Temporal Web. */
  readonly origins: readonly string[];
}

const maxBodyBytes = 8 * 1024 * 1024;
const mostRunsOnRecord = 20;

/** Whoever bears the token sees the runs of all tenants, and may do nothing else. */
const bearer: Identity = {
  subject: 'codec-token',
  owner: 'codec-token',
  tenantId: null,
  roles: ['super_admin'],
  grants: ['debug:read'],
  method: 'api_key',
  tokenId: 'codec-token',
  expiresAt: null,
  // Temporal Web asks for each event of a history.
  perMinute: 6000,
};

/**
 * Temporal's remote codec protocol: lets Temporal Web show payloads to those who may see them. They show a credential like
 * any other's, or the codec's token, which may be a part of the path, since Temporal Web cannot send one of its own. After
 * a run's key is destroyed it says so.
 */
export function codecRouter({ payloads, token, origins }: CodecRouterDependencies): Router {
  const router = Router();
  const access = needs('debug:read', { recognize: (gate, request) => recognize(gate, request, token) });
  router.use(
    '/codec',
    open(),
    cors({ origin: [...origins], allowedHeaders: ['content-type', 'authorization', 'x-namespace'] }),
  );

  for (const path of ['/codec/decode', '/codec/:token/decode']) {
    router.post(path, access, ...readBody(maxBodyBytes), async (request, response) => {
      const wire = bodyOf(request, codecPayloadsSchema, 'all').payloads.map(fromWire);
      const owners = await ownersOf(wire);
      requireOwn(tenantOf(request), owners);
      concerns(response, onRecord(owners));
      response.json({ payloads: (await Promise.all(wire.map(decode))).map(toWire) });
    });
  }

  /** Of those that can be told. */
  async function ownersOf(wire: readonly Payload[]): Promise<PayloadOwner[]> {
    const owners = await Promise.all(
      wire.map((payload) => unlessDestroyed(() => payloads.ownerOf(payload), null)),
    );
    return owners.filter((owner) => owner !== null);
  }

  function decode(payload: Payload): Promise<Payload> {
    return unlessDestroyed(async () => (await payloads.decode([payload]))[0]!, destroyed).catch(
      (error: unknown) => {
        if (error instanceof TamperedError) return tampered;
        throw error;
      },
    );
  }

  return router;
}

/** @throws ConclaveError UNAUTHORIZED */
async function recognize(gate: Gate, request: Request, token: string): Promise<Identity> {
  const inPath = request.params['token'];
  // It is a secret, and no target.
  concerns(request.res!, { target: {} });
  const { apiKey, authorization } = credentialsOf(request);
  const isShownInPath = apiKey === undefined && authorization === undefined && typeof inPath === 'string';
  const shown = isShownInPath ? { authorization: `Bearer ${inPath}` } : { apiKey, authorization };
  const given = /^Bearer (.+)$/.exec(shown.authorization ?? '')?.[1];
  if (apiKey === undefined && given !== undefined && isSame(given, token)) return bearer;
  // Where nobody is asked who calls, content is not for everybody all the same.
  if (!gate.asks) throw new ConclaveError('UNAUTHORIZED', 'decoding needs the codec token');
  return gate.recognize(request, false, shown);
}

/** @param tenantId null: all @throws ConclaveError 404 for what is another's, or the service's own */
function requireOwn(tenantId: string | null, owners: readonly PayloadOwner[]): void {
  if (tenantId === null || owners.every((owner) => owner.tenantId === tenantId)) return;
  throw new ConclaveError('INVALID_REQUEST', 'there is no such run', {
    status: 404,
    detail: 'run_not_found',
  });
}

/** Which runs were looked into, in the chain of whose they are. */
function onRecord(owners: readonly PayloadOwner[]) {
  const runs = [...new Set(owners.map(({ workflowId }) => workflowId))];
  const tenants = new Set(owners.map(({ tenantId }) => tenantId));
  return {
    tenantId: tenants.size === 1 ? [...tenants][0]! : null,
    target: {
      runs: runs.slice(0, mostRunsOnRecord),
      ...(runs.length > mostRunsOnRecord && { runs_in_all: runs.length }),
    },
  };
}

const destroyed = said({ destroyed: 'the retention of this run is over and its key destroyed' });
const tampered = said({ tampered: 'this is not what was sealed for this run' });

/** What stands in the place of a payload, so that the others are shown. */
function said(what: object): Payload {
  return {
    metadata: { encoding: Buffer.from('json/plain') },
    data: Buffer.from(JSON.stringify(what)),
  };
}

async function unlessDestroyed<T, U>(work: () => Promise<T>, otherwise: U): Promise<T | U> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RunKeyDestroyedError) return otherwise;
    throw error;
  }
}

function fromWire({ metadata = {}, data = '' }: CodecPayload): Payload {
  return {
    metadata: Object.fromEntries(
      Object.entries(metadata).map(([key, value]) => [key, Buffer.from(value, 'base64')]),
    ),
    data: Buffer.from(data, 'base64'),
  };
}

function toWire({ metadata, data }: Payload): object {
  return {
    metadata: Object.fromEntries(
      Object.entries(metadata ?? {}).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
    ),
    data: Buffer.from(data ?? []).toString('base64'),
  };
}

function isSame(one: string, other: string): boolean {
  return timingSafeEqual(digest(one), digest(other));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
