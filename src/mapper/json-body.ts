import { type Request, type RequestHandler, raw } from 'express';
import { MapperError } from './errors';

/** Reads a JSON body as bytes; one that is too large is refused before it is parsed, one of another type unread. */
export function readJsonBody(maxBytes: number): RequestHandler {
  const read = raw({ type: () => true, limit: maxBytes, inflate: false });
  return function readJson(request, response, next) {
    if (!request.is('application/json')) {
      throw new MapperError('INVALID_REQUEST', 'The content type must be application/json.', {
        detail: 'content_type',
        status: 415,
      });
    }
    read(request, response, next);
  };
}

/** The bytes of a body read by {@link readJsonBody}. */
export function bytesOf(request: Request): Buffer {
  return Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** @throws MapperError INVALID_REQUEST for invalid UTF-8 or JSON */
export function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch {
    throw new MapperError('INVALID_REQUEST', 'The body is not valid JSON in UTF-8.', {
      detail: 'malformed_json',
    });
  }
}
