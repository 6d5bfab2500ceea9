import { createHash, timingSafeEqual } from 'node:crypto';
import type { Payload } from '@temporalio/common';
import cors from 'cors';
import express, { type Request, Router } from 'express';
import { z } from 'zod';
import { ConclaveError } from '../contract/errors';
import { RunKeyDestroyedError } from '../store/key-ring';
import type { PayloadReader } from '../store/payload-codec';
import { validate } from './validate';

const bodySchema = z.object({
  payloads: z
    .array(z.object({ metadata: z.record(z.string(), z.base64()).optional(), data: z.base64().optional() }))
    .max(1000),
});

/**
 * Temporal's remote codec protocol: lets Temporal Web show payloads to those who hold the token, as bearer or, since
 * its UI cannot send one of its own, as part of the path. After a run's key is destroyed it says so.
 */
export function codecRouter(
  payloads: PayloadReader,
  token: string,
  allowedOrigins: readonly string[],
): Router {
  const router = Router();
  router.use(
    '/codec',
    cors({ origin: [...allowedOrigins], allowedHeaders: ['content-type', 'authorization', 'x-namespace'] }),
  );

  router.post(
    ['/codec/decode', '/codec/:token/decode'],
    (request, _response, next) => {
      requireToken(request, token);
      next();
    },
    express.json({ limit: '8mb' }),
    async (request, response) => {
      const body = validate(bodySchema, request.body);
      const decoded = await Promise.all(body.payloads.map((payload) => decode(payload)));
      response.json({ payloads: decoded });
    },
  );

  async function decode(wire: z.output<typeof bodySchema>['payloads'][number]): Promise<object> {
    const payload: Payload = {
      metadata: Object.fromEntries(
        Object.entries(wire.metadata ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')]),
      ),
      data: Buffer.from(wire.data ?? '', 'base64'),
    };
    try {
      const [decoded] = await payloads.decode([payload]);
      return toWire(decoded!);
    } catch (error) {
      if (!(error instanceof RunKeyDestroyedError)) throw error;
      const data = Buffer.from(
        JSON.stringify({ destroyed: 'the retention of this run is over and its key destroyed' }),
      );
      return toWire({ metadata: { encoding: Buffer.from('json/plain') }, data });
    }
  }

  return router;
}

function toWire(payload: Payload): object {
  return {
    metadata: Object.fromEntries(
      Object.entries(payload.metadata ?? {}).map(([key, value]) => [
        key,
        Buffer.from(value).toString('base64'),
      ]),
    ),
    data: Buffer.from(payload.data ?? []).toString('base64'),
  };
}

function requireToken(request: Request, token: string): void {
  const bearer = /^Bearer (.+)$/.exec(request.get('authorization') ?? '')?.[1];
  const given = bearer ?? (request.params as Record<string, string | undefined>)['token'] ?? '';
  if (timingSafeEqual(digest(given), digest(token))) return;
  throw new ConclaveError('UNAUTHORIZED', 'decoding needs the codec token');
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
