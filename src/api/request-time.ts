import type { Express, NextFunction, Request, Response } from 'express';

const bodyMs = 30_000;
/** What is left of a body is read for so long after the answer: who finds the connection reset at once may not see that. */
const lingerMs = 1000;
/** What is left of a shorter body is read, so that the connection can be kept. */
const shortBytes = 64 * 1024;

/** Ends connections on which a body does not become whole; routes that take more than one breath say so. */
export function expectBodySoon(request: Request, response: Response, next: NextFunction): void {
  const timer = setTimeout(() => {
    if (!request.complete) request.destroy();
  }, bodyMs).unref();
  response.locals['bodyTimer'] = timer;
  response.once('close', () => {
    clearTimeout(timer);
    if (!request.complete) leaveUnread(request);
  });
  next();
}

/** A body that may take its time, as long as something of it comes. */
export function allowLongBody(request: Request, response: Response, idleMs = bodyMs): void {
  clearTimeout(response.locals['bodyTimer'] as NodeJS.Timeout);
  response.locals['longBody'] = true;
  request.setTimeout(idleMs, () => {
    if (!request.complete) request.destroy();
  });
}

/** Whoever is answered before the end of a long body is told that the connection ends with the answer. */
export function partFromUnread(app: Express): void {
  const writeHead = Reflect.get(app.response, 'writeHead') as Response['writeHead'];
  app.response.writeHead = function (this: Response, ...head: Parameters<typeof writeHead>) {
    if (!this.req.complete && this.locals['longBody'] !== true && isLong(this.req)) {
      this.setHeader('Connection', 'close');
      const { socket } = this.req;
      // Destroyed at once, it would take the answer along.
      socket.destroySoon = () => {
        socket.end();
        setTimeout(() => socket.destroy(), lingerMs).unref();
      };
    }
    return writeHead.apply(this, head);
  } as typeof writeHead;
}

function isLong({ headers }: Request): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > shortBytes;
}

function leaveUnread(request: Request): void {
  request.resume();
  setTimeout(() => {
    if (!request.complete) request.socket.destroy();
  }, lingerMs).unref();
}
