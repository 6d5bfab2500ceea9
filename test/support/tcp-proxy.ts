import { connect, createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/** Stands before a server and takes it away: `cut` refuses and breaks connections, `stall` keeps them and says nothing. */
export class TcpProxy {
  readonly #sockets = new Set<Socket>();
  /** Clients with their way to the server; null while they wait for one. */
  readonly #joined = new Map<Socket, Socket | null>();
  #server: Server | null = null;
  #port = 0;
  #stalled = false;

  constructor(
    private readonly host: string,
    private readonly port: number,
  ) {}

  /** In front of the server that a URL or `host:port` names. */
  static before(address: string): TcpProxy {
    const { hostname, port } = new URL(address.includes('://') ? address : `tcp://${address}`);
    return new TcpProxy(hostname, Number(port));
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** On the same port as before. */
  async open(): Promise<void> {
    this.#stalled = false;
    const server = createServer((client) => this.#join(client));
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async cut(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server?.close(() => resolve()) ?? resolve());
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    this.#server = null;
  }

  stall(): void {
    this.#stalled = true;
    for (const socket of this.#sockets) socket.unpipe().pause();
  }

  /** Ends a stall: what was held back arrives, late, on the connections it was sent by. */
  resume(): void {
    this.#stalled = false;
    for (const [client, upstream] of this.#joined) {
      if (upstream) client.pipe(upstream).pipe(client);
      else this.#reach(client);
    }
  }

  /** Ends a stall for new connections; the old ones stay silent for ever, as after a failover behind one address. */
  renew(): void {
    this.#stalled = false;
    this.#joined.clear();
  }

  #join(client: Socket): void {
    this.#keep(client);
    this.#joined.set(client, null);
    client.once('close', () => this.#joined.delete(client));
    if (this.#stalled) client.pause();
    else this.#reach(client);
  }

  #reach(client: Socket): void {
    const upstream = connect(this.port, this.host);
    this.#keep(upstream);
    this.#joined.set(client, upstream);
    client.pipe(upstream).pipe(client);
    client.once('close', () => upstream.destroy());
    upstream.once('close', () => client.destroy());
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => this.#sockets.delete(socket));
  }
}
