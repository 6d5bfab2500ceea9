import cors from 'cors';
import type { RequestHandler } from 'express';

const proxied = /^\/api\/v1\/proxy(?:\/|$)/;

/** Lets pages of these origins call, none else (spec/orchestration.md 2.2). What is passed on has methods and rules of its upstream. */
export function crossOrigin(origins: readonly string[]): RequestHandler {
  const allow = cors({
    origin: [...origins],
    methods: ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS'],
    exposedHeaders: [
      'Idempotency-Key',
      'Idempotency-Replayed',
      'Location',
      'RateLimit-Limit',
      'RateLimit-Remaining',
      'RateLimit-Reset',
      'Retry-After',
      'X-Cache',
      'X-Correlation-ID',
      'X-Request-ID',
    ],
    maxAge: 3600,
  });
  return (request, response, next) => {
    if (proxied.test(request.path)) next();
    else allow(request, response, next);
  };
}
