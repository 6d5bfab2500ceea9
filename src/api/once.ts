import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Request, RequestHandler, Response } from 'express';
import type { z } from 'zod';
import { ConclaveError } from '../contract/errors';
import type { IdempotencyOutcome } from '../contract/service-metrics';
import { canonicalJson } from '../domain/canonical-json';
import { everyTenant } from '../store/audit-log';
import type { Attempt, KeptAnswer, KeyedCall } from '../store/kept-answers';
import { idempotencyKeyOf } from './idempotency-key';
import { principalOf } from './principal';
import { parseJsonBody } from './strict-json';
import { tenantOf } from './tenant-header';

export interface KeyedChanges {
  readonly answers: {
    attempt(call: KeyedCall, work: () => Promise<KeptAnswer | null>): Promise<Attempt>;
  };
  /** Told what became of a change with an Idempotency-Key. */
  readonly keyUsed: (tenantId: string, outcome: IdempotencyOutcome) => void;
}

const joinWithinMs = 10_000;
const askAgainMs = 100;
const keptHeaders = ['content-type', 'location', 'etag', 'retry-after'];
const keyed = new WeakSet<RequestHandler>();

/**
 * Declares, after whatever reads the body, that a change under an Idempotency-Key is made once, and its answer repeated
 * verbatim (spec/orchestration.md 6). Without a key it costs nothing.
 * @param schema of the body: what is left out is the same as its default
 */
export function once(schema?: z.ZodType): RequestHandler {
  const handler: RequestHandler = async (request, response, next) => {
    const key = keyToUse(request, response);
    if (key === null) next();
    else await make(request, response, next, callOf(request, key, bodyIn(request, schema)));
  };
  keyed.add(handler);
  return handler;
}

/** What a handler that has read the body by itself changes. */
export interface OwnChange {
  readonly tenantId: string;
  /** What the body comes to: with another it is another change. */
  readonly body: object;
  /** Makes the change, and answers. */
  readonly make: () => Promise<void>;
}

/** As {@link once}, around a handler that has to read its body first. */
export function onceRead(
  handle: (request: Request, response: Response, once: (change: OwnChange) => Promise<void>) => Promise<void>,
): RequestHandler {
  const handler: RequestHandler = (request, response, next) =>
    handle(request, response, async ({ tenantId, body, make: change }) => {
      const key = keyToUse(request, response);
      if (key === null) await change();
      else {
        const call = { ...callOf(request, key, body), tenantId };
        await make(request, response, () => void change().catch(next), call);
      }
    });
  keyed.add(handler);
  return handler;
}

function keyToUse(request: Request, response: Response): string | null {
  const key = idempotencyKeyOf(request);
  if (key !== null) response.set('Idempotency-Key', key);
  return key;
}

export function isKeyed(handlers: readonly RequestHandler[]): boolean {
  return handlers.some((handler) => keyed.has(handler));
}

/** @throws ConclaveError 409 `idempotency_conflict`, `idempotency_in_progress`; RATE_LIMITED `overloaded` */
async function make(request: Request, response: Response, begin: () => void, call: KeyedCall): Promise<void> {
  const { answers, keyUsed } = request.app.locals['once'] as KeyedChanges;
  const deadline = Date.now() + joinWithinMs;
  let held: Held | undefined;
  const work = async (): Promise<KeptAnswer | null> => {
    held = await answerHeld(response, begin);
    return held.answer;
  };
  let joined = false;
  let attempt = await answers.attempt(call, work);
  for (; isToWait(attempt); attempt = await answers.attempt(call, work)) {
    if (Date.now() > deadline) throw attempt.outcome === 'busy' ? inProgress() : overloaded();
    joined ||= attempt.outcome === 'busy';
    await delay(askAgainMs);
  }
  keyUsed(call.tenantId, outcomeOf(attempt, joined));
  if (attempt.outcome === 'conflict') throw conflict();
  if (attempt.outcome === 'kept') repeat(response, attempt.answer, joined);
  else held!.send();
}

function isToWait({ outcome }: Attempt): boolean {
  return outcome === 'busy' || outcome === 'full';
}

function outcomeOf({ outcome }: Attempt, joined: boolean): IdempotencyOutcome {
  if (outcome === 'conflict') return 'conflict';
  if (outcome === 'done') return 'new';
  return joined ? 'joined' : 'replayed';
}

/** Of whoever asks: nobody is answered what another was permitted. */
function callOf(request: Request, key: string, body: unknown): KeyedCall {
  const about = {
    principal: principalOf(request),
    params: request.params,
    query: request.query,
    match: request.get('if-match') ?? null,
    body,
  };
  return {
    tenantId: tenantOf(request) ?? everyTenant,
    route: `${request.method} ${(request.route as { path: string }).path}`,
    keyHash: sha256(key),
    fingerprint: sha256(canonicalJson(about)),
  };
}

/** @throws as {@link parseJsonBody}: what is nested too deeply is not for schemas, nor to be put in order */
function bodyIn({ body }: Request, schema: z.ZodType | undefined): unknown {
  if (!Buffer.isBuffer(body) || body.length === 0) return null;
  const { value } = parseJsonBody(body);
  const parsed = schema?.safeParse(value);
  return parsed?.success ? parsed.data : value;
}

interface Held {
  /** Null: of an error, or of something else that is not to be repeated. */
  readonly answer: KeptAnswer | null;
  readonly send: () => void;
}

/** Has the change made and answered, and holds the answer back: it may leave when the change is safe. */
function answerHeld(response: Response, begin: () => void): Promise<Held> {
  return new Promise((resolve) => {
    const end = response.end.bind(response) as (chunk?: unknown) => Response;
    response.end = ((chunk?: unknown) => {
      response.end = end as Response['end'];
      const answer = response.statusCode < 300 ? keptOf(response, chunk) : null;
      resolve({ answer, send: () => void end(chunk) });
      return response;
    }) as Response['end'];
    begin();
  });
}

function keptOf(response: Response, chunk: unknown): KeptAnswer {
  const headers = keptHeaders.flatMap((name) => {
    const value = response.getHeader(name);
    return value === undefined ? [] : [[name, String(value)]];
  });
  const body = Buffer.isBuffer(chunk) ? chunk.toString() : typeof chunk === 'string' ? chunk : '';
  return {
    status: response.statusCode,
    headers: Object.fromEntries(headers) as Record<string, string>,
    body,
  };
}

/** Whoever has joined the first call is answered as it is. */
function repeat(response: Response, { status, headers, body }: KeptAnswer, joined: boolean): void {
  if (!joined) response.set('Idempotency-Replayed', 'true');
  response.status(status).set(headers).end(body);
}

function conflict(): ConclaveError {
  return new ConclaveError('INVALID_REQUEST', 'the Idempotency-Key was used before for something else', {
    status: 409,
    detail: 'idempotency_conflict',
  });
}

function inProgress(): ConclaveError {
  return new ConclaveError('INVALID_REQUEST', 'what this Idempotency-Key stands for is still being done', {
    status: 409,
    detail: 'idempotency_in_progress',
    retryAfterSeconds: 1,
  });
}

function overloaded(): ConclaveError {
  return new ConclaveError('RATE_LIMITED', 'too many changes are being made; try again in a moment', {
    detail: 'overloaded',
    retryAfterSeconds: 1,
  });
}

function sha256(data: string | Buffer): Buffer {
  return createHash('sha256').update(data).digest();
}
