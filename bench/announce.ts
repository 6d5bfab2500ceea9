import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * The child's side of `startProcess`: says that it is ready, and lives no longer than the bench. A Ctrl-C reaches the
 * whole terminal group; the bench alone decides on the order of stopping. Started by hand, it only says where it is.
 */
export function announce(port = 0): void {
  if (!process.send) {
    console.log(`listening on http://127.0.0.1:${port}`);
    return;
  }
  process.on('SIGINT', () => undefined);
  process.once('disconnect', () => process.exit());
  process.send({ ready: true, port });
}

/** Listens on loopback (port 0: any free one) and announces the port. */
export async function serve(server: Server, port = 0): Promise<void> {
  server.keepAliveTimeout = 60_000;
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  announce((server.address() as AddressInfo).port);
}
