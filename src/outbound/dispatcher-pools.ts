import type { Socket } from 'node:net';
import { LRUCache } from 'lru-cache';
import { Agent, type Dispatcher } from 'undici';
import type { TlsReferences } from '../contract/outbound-auth';
import { type ConnectorParts, guardedConnector } from './guarded-connector';

/** An upstream as the transport sees it. Times in ms, 0 for none. */
export interface OutboundTarget {
  /** Upstreams of different ids never share a connection, not even to the same server. */
  readonly id: string;
  readonly tls?: TlsReferences | undefined;
  /** Default: what the settings say. */
  readonly allowPrivateNetwork?: boolean | undefined;
  readonly connections?: number;
  readonly connectTimeoutMs?: number;
  readonly headersTimeoutMs?: number;
  /** Between two pieces of an answer. */
  readonly idleTimeoutMs?: number;
  readonly maxAnswerBytes?: number;
}

const unusedMs = 600_000;

/** Connections to upstreams, a pool for each, so that a slow one uses up only its own. */
export class DispatcherPools {
  readonly #agents: LRUCache<string, Agent>;

  constructor(private readonly connector: ConnectorParts) {
    this.#agents = new LRUCache({
      max: 2000,
      ttl: unusedMs,
      updateAgeOnGet: true,
      // Calls in flight finish.
      dispose: (agent, _key, reason) => {
        if (reason !== 'delete') void agent.close();
      },
    });
  }

  dispatcherFor(target: OutboundTarget): Dispatcher {
    const key = Object.values(target)
      .map((value) => (typeof value === 'object' ? JSON.stringify(value) : String(value)))
      .join(' ');
    let agent = this.#agents.get(key);
    if (!agent) {
      agent = this.#open(target);
      this.#agents.set(key, agent);
    }
    return agent;
  }

  /** Opens a connection, by the rules of all connections, and closes it. @throws when there is none within the time */
  async knock({ hostname, host, port, protocol }: URL, target: OutboundTarget): Promise<void> {
    const connect = guardedConnector(this.connector, {
      timeoutMs: target.connectTimeoutMs ?? 2000,
      tls: undefined,
      allowPrivateNetwork: target.allowPrivateNetwork,
    });
    const plain = { hostname: hostname.replace(/^\[|\]$/g, ''), host, protocol: 'http:' };
    const socket = await new Promise<Socket>((resolve, reject) =>
      connect(
        { ...plain, port: port === '' && protocol === 'https:' ? '443' : port || '80' },
        (...[error, opened]) => (error ? reject(error) : resolve(opened)),
      ),
    );
    socket.on('error', () => undefined).destroy();
  }

  async close(): Promise<void> {
    const agents = [...this.#agents.values()];
    this.#agents.clear();
    await Promise.all(agents.map((agent) => agent.close()));
  }

  #open(target: OutboundTarget): Agent {
    return new Agent({
      connections: target.connections ?? 256,
      pipelining: 1,
      keepAliveTimeout: 30_000,
      headersTimeout: target.headersTimeoutMs ?? 60_000,
      bodyTimeout: target.idleTimeoutMs ?? 60_000,
      maxResponseSize: target.maxAnswerBytes ?? -1,
      connect: guardedConnector(this.connector, {
        timeoutMs: target.connectTimeoutMs ?? 2000,
        tls: target.tls,
        allowPrivateNetwork: target.allowPrivateNetwork,
      }),
    });
  }
}
