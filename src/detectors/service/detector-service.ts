import { createServer, type Server } from 'node:http';
import { availableParallelism } from 'node:os';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { createDetectorApp } from './detector-app';
import { createDetectionRunner } from './detection-runner';

export interface DetectorServiceOptions {
  readonly logger: Logger;
  /** Worker threads that judge. Default: one less than the cores, at least 1, at most 4. More cost 100 MB each. */
  readonly threads?: number;
  /** Ms a call may take before it is answered 504 and its thread is killed. Default 10,000. */
  readonly timeoutMs?: number;
  /** Calls that may wait for a thread before others are answered 503. Default 512. */
  readonly maxWaiting?: number;
  /** Ms that calls in flight get to finish on `close`. Default 10,000. */
  readonly drainMs?: number;
}

export interface DetectorService {
  /** Port 0 picks a free one. Resolves once calls are answered at full speed; rejects when the port is taken. */
  listen(port: number, host?: string): Promise<AddressInfo>;
  /** Takes no more calls, lets those in flight finish, then ends. Safe to call twice, and without `listen`. */
  close(): Promise<void>;
  /** Where it listens; null before `listen` and after `close`. */
  readonly address: AddressInfo | null;
}

/** The builtin detectors as a server of the Detectors API; see {@link createDetectorApp} for its paths. */
export function createDetectorService(options: DetectorServiceOptions): DetectorService {
  const { logger, timeoutMs = 10_000, maxWaiting = 512, drainMs = 10_000 } = options;
  const { threads = Math.min(4, Math.max(1, availableParallelism() - 1)) } = options;
  const runner = createDetectionRunner({ threads, timeoutMs, maxWaiting });
  let closing: Promise<void> | undefined;
  const app = createDetectorApp({ runner, logger });
  const server = createServer({ requestTimeout: 30_000, keepAliveTimeout: 65_000 }, app);

  return {
    async listen(port, host = '127.0.0.1') {
      await runner.warmUp();
      await startListening(server, port, host);
      const address = addressOf(server);
      if (address === null) throw new Error('the server ended while it was starting');
      logger.info({ host: address.address, port: address.port }, 'builtin detectors listen');
      return address;
    },
    close() {
      closing ??= drain(server, drainMs).finally(() => runner.close());
      return closing;
    },
    get address() {
      return addressOf(server);
    },
  };
}

function startListening(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function drain(server: Server, drainMs: number): Promise<void> {
  if (!server.listening) return;
  const timer = setTimeout(() => server.closeAllConnections(), drainMs);
  try {
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      // A connection that still serves a call now would afterwards be kept alive, and keep the server open.
      closeWhenIdle(server);
    });
  } finally {
    clearTimeout(timer);
  }
}

function closeWhenIdle(server: Server): void {
  const timer = setInterval(() => server.closeIdleConnections(), 20);
  server.once('close', () => clearInterval(timer));
}

function addressOf(server: Server): AddressInfo | null {
  const address = server.address();
  return typeof address === 'object' ? address : null;
}
