import express, { type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import { type z } from 'zod';
import { ConclaveError } from '../contract/errors';
import { firewallOf, type Unread } from './firewall';
import { parseJsonBody, refuseDuplicateKeys } from './strict-json';
import { validate } from './validate';

/** Reads the raw body within its bound, refusing what is not declared as JSON. */
export function readBody(maxBytes: number): RequestHandler[] {
  const raw = express.raw({ type: () => true, limit: maxBytes });
  return [requireJsonType, raw];
}

function requireJsonType(request: Request, _response: Response, next: NextFunction): void {
  if (request.is('application/json') === 'application/json' || request.get('content-length') === '0') next();
  else {
    throw new ConclaveError('INVALID_REQUEST', 'the body must be JSON: send Content-Type: application/json', {
      detail: 'content_type_not_json',
    });
  }
}

/**
 * The body as the schema has it. Duplicate keys are looked for late: what passes the schema is small.
 * @param unread what the firewall leaves alone
 * @throws ConclaveError INVALID_REQUEST
 */
export function bodyOf<S extends z.ZodType>(request: Request, schema: S, unread: Unread = []): z.output<S> {
  const bytes: unknown = request.body;
  if (!Buffer.isBuffer(bytes) || bytes.length === 0) {
    throw new ConclaveError('INVALID_REQUEST', 'the request has no body', { detail: 'body_missing' });
  }
  const { value, text } = parseJsonBody(bytes);
  const parsed = validate(schema, value);
  refuseDuplicateKeys(text);
  firewallOf(request).readBody(request, parsed, unread);
  return parsed;
}
