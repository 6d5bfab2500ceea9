import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import type { Server as AnyTlsServer, TlsOptions } from 'node:tls';
import { answerUnreadable } from './unreadable-request';

const closeIdleEveryMs = 100;
/** Connections that may wait to be accepted: one that the kernel drops comes back only after a second. */
const backlog = 4096;

export interface Tls {
  readonly options: TlsOptions;
  /** Has a server follow its certificates. */
  keep(server: AnyTlsServer): void;
}

/** Rejects when the port is taken. @param tls null: plain HTTP */
export function listen(
  app: RequestListener,
  port: number,
  host: string,
  tls: Tls | null = null,
): Promise<Server> {
  // How long a body may take is for each route to say (request-time.ts); this is what none may exceed.
  const limits = {
    requestTimeout: 3_600_000,
    headersTimeout: 10_000,
    keepAliveTimeout: 65_000,
    maxHeaderSize: 16 * 1024,
  };
  const server = tls ? createTlsServer({ ...limits, ...tls.options }, app) : createServer(limits, app);
  if (server instanceof TlsServer) tls?.keep(server);
  // Those beyond a limit would be dropped without a word; the firewall refuses requests with too many.
  server.maxHeadersCount = 0;
  server.on('clientError', answerUnreadable);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host, backlog }, () => resolve(server));
  });
}

export function addressOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') return String(address);
  return `${server instanceof TlsServer ? 'https' : 'http'}://${address.address}:${address.port}`;
}

/** Answers in flight leave; connections are closed as they fall idle, however long their clients would keep them. */
export function drain(server: Server, withinMs: number): Promise<void> {
  return new Promise((resolve) => {
    // What still comes on an open connection is the last there, and is told so.
    server.prependListener('request', (_request, response) => response.setHeader('Connection', 'close'));
    const idle = setInterval(() => server.closeIdleConnections(), closeIdleEveryMs);
    const force = setTimeout(() => server.closeAllConnections(), withinMs);
    server.close(() => {
      clearInterval(idle);
      clearTimeout(force);
      resolve();
    });
  });
}
