import { connect, createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/** Stands before a server and takes it away: `cut` refuses and breaks connections, `stall` keeps them and says nothing. */
export class TcpProxy {
  readonly #sockets = new Set<Socket>();
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

  #join(client: Socket): void {
    this.#keep(client);
    if (this.#stalled) return;
    const upstream = connect(this.port, this.host);
    this.#keep(upstream);
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
