import { randomUUID } from 'node:crypto';
import type { NextFunction, Request, Response } from 'express';

/** What every request of a client carries through the house. */
export interface RequestContext {
  readonly requestId: string;
  readonly correlationId: string;
  readonly traceparent: string | null;
  /** Epoch ms: the clock of the SLA starts here. */
  readonly receivedAt: number;
}

const visibleAscii = /^[\x21-\x7e]{1,128}$/;
const traceparentPattern = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** First of all middleware: identifies the request and echoes what identifies it (spec/orchestration.md 2.1). */
export function establishContext(request: Request, response: Response, next: NextFunction): void {
  const correlation = request.get('x-correlation-id');
  const traceparent = request.get('traceparent');
  const context: RequestContext = {
    requestId: randomUUID(),
    correlationId: correlation !== undefined && visibleAscii.test(correlation) ? correlation : randomUUID(),
    traceparent: traceparent !== undefined && traceparentPattern.test(traceparent) ? traceparent : null,
    receivedAt: Date.now(),
  };
  response.locals['context'] = context;
  response.set('X-Correlation-ID', context.correlationId);
  response.set('X-Request-ID', context.requestId);
  response.set('Cache-Control', 'no-store');
  if (context.traceparent !== null) response.set('traceparent', context.traceparent);
  next();
}

/** For an id that must not be echoed. */
export function replaceCorrelationId(response: Response): void {
  const correlationId = randomUUID();
  response.locals['context'] = { ...contextOf(response), correlationId };
  response.set('X-Correlation-ID', correlationId);
}

export function contextOf(response: Response): RequestContext {
  return response.locals['context'] as RequestContext;
}
