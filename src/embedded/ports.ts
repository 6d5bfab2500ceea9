import { createServer } from 'node:net';
import { commandLine, listenerOn } from './process-facts';
import { SetupError } from './setup-error';

const loopback = '127.0.0.1';

/** What a port is for, so that a message about it can say what to change. */
export interface PortUse {
  readonly port: number;
  readonly host?: string;
  /** As in "The API needs port 8000". */
  readonly purpose: string;
  /** The environment variable that moves it, as in ORCHESTRATION_PORT. */
  readonly setting: string;
}

/** @throws SetupError naming who listens there and which setting moves us elsewhere */
export async function assertPortFree(use: PortUse): Promise<void> {
  const code = await tryListen(use.port, use.host ?? loopback);
  if (code === null) return;
  if (code === 'EADDRINUSE') throw portTaken(use);
  const reason = code === 'EACCES' ? 'this user may not listen there' : code;
  throw new SetupError(
    `${use.purpose} needs port ${use.port}, but it cannot be opened (${reason}).`,
    `choose another port with ${use.setting}=<port>`,
  );
}

/** A port nobody listens on at this moment. Whoever asks should open it at once. */
export async function freePort(host = loopback): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

function portTaken({ port, purpose, setting }: PortUse): SetupError {
  const pid = listenerOn(port);
  const command = pid === null ? null : commandLine(pid);
  const holder =
    pid === null ? 'another program' : `process ${pid}${command === null ? '' : ` (${shorten(command)})`}`;
  const stop = pid === null ? 'stop that program' : `stop it (kill ${pid})`;
  return new SetupError(
    `${purpose} needs port ${port}, but ${holder} listens there.`,
    `${stop}, or choose another port with ${setting}=<port>`,
  );
}

function shorten(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`;
}

function tryListen(port: number, host: string): Promise<string | null> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(null)));
  });
}
