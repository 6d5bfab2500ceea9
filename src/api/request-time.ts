import type { NextFunction, Request, Response } from 'express';

const bodyMs = 30_000;

/** Ends connections on which a body does not become whole; routes that take more than one breath say so. */
export function expectBodySoon(request: Request, response: Response, next: NextFunction): void {
  const timer = setTimeout(() => {
    if (!request.complete) request.destroy();
  }, bodyMs).unref();
  response.locals['bodyTimer'] = timer;
  response.once('close', () => clearTimeout(timer));
  next();
}

/** A body that may take its time, as long as something of it comes. */
export function allowLongBody(request: Request, response: Response, idleMs = bodyMs): void {
  clearTimeout(response.locals['bodyTimer'] as NodeJS.Timeout);
  request.setTimeout(idleMs, () => {
    if (!request.complete) request.destroy();
  });
}
