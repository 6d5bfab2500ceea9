import { constants, createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import {
  createSecureContext,
  type SecureContextOptions,
  type Server,
  type TlsOptions,
  TLSSocket,
} from 'node:tls';
import type { ClientCertificate } from '../contract/identity';
import type { TlsSettings } from '../contract/tls';
import { certificateOn } from './client-certificates';

const handshakeMs = 10_000;
/** Nobody's: such a connection is not trusted. */
const unknown = '';

/** A connection, and which authorities were asked for when it was made. */
interface Connection {
  readonly certificate: ClientCertificate | null;
  readonly authorities: string;
}

/** The facade's certificate and the authorities of its callers, as their files are now. */
export class ServerTls {
  readonly #connections = new WeakMap<object, Connection>();
  readonly #servers = new Set<Server>();
  #material: Material;

  /** @throws Error when a file cannot be read, or is no certificate or key; not with what stands in it */
  constructor(private readonly settings: TlsFiles) {
    this.#material = readMaterial(settings);
  }

  get options(): TlsOptions {
    const { client_ca_path: ca, client_certificates: asked } = this.settings;
    return {
      ...this.#material.context,
      handshakeTimeout: handshakeMs,
      requestCert: ca !== null,
      rejectUnauthorized: ca !== null && asked === 'required',
    };
  }

  /** Has a server use new certificates from {@link reload} on. */
  keep(server: Server): void {
    this.#servers.add(server);
    server.once('close', () => this.#servers.delete(server));
    // Whose certificates count for a connection is settled when it comes in, not when its handshake is over.
    const greeted = new Map<string, string>();
    server.on('connection', (socket: Socket) => {
      const peer = peerOf(socket);
      greeted.set(peer, this.#material.authorities);
      socket.once('close', () => greeted.delete(peer));
    });
    server.on('secureConnection', (socket) => {
      const authorities = greeted.get(peerOf(socket)) ?? unknown;
      this.#connections.set(socket, { certificate: certificateOn(socket), authorities });
    });
  }

  /** @returns whether anything has changed. @throws as the constructor; then all is as before */
  reload(): boolean {
    const material = readMaterial(this.settings);
    if (material.digest === this.#material.digest) return false;
    this.#material = material;
    for (const server of this.#servers) server.setSecureContext(material.context);
    return true;
  }

  /** What a caller has shown when it connected; what was trusted by other authorities than now's is not. */
  readonly certificateOf = (socket: object): ClientCertificate | null => {
    if (!(socket instanceof TLSSocket)) return null;
    const connection = this.#connections.get(socket);
    if (!connection?.certificate) return null;
    const { certificate, authorities } = connection;
    return authorities === this.#material.authorities ? certificate : { ...certificate, isTrusted: false };
  };
}

/** By what a connection is known while it lasts. */
function peerOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`;
}

/** With a certificate. */
type TlsFiles = TlsSettings & { readonly cert_path: string; readonly key_path: string };

interface Material {
  readonly context: SecureContextOptions;
  /** Of all files. */
  readonly digest: string;
  /** Of the authorities alone. */
  readonly authorities: string;
}

function readMaterial({
  cert_path: certPath,
  key_path: keyPath,
  client_ca_path: caPath,
}: TlsFiles): Material {
  const cert = read(certPath);
  const key = read(keyPath);
  const ca = caPath === null ? undefined : read(caPath);
  const context: SecureContextOptions = {
    cert,
    key,
    minVersion: 'TLSv1.2',
    // A session that is taken up again would bring along who was trusted then.
    secureOptions: constants.SSL_OP_NO_TICKET,
    ...(ca === undefined ? {} : { ca }),
  };
  try {
    createSecureContext(context);
    // Where there is no certificate in it, that would be an authority that nobody has.
    if (ca !== undefined) new X509Certificate(ca);
  } catch {
    throw new Error(
      `service.tls: ${[certPath, keyPath, caPath].filter(Boolean).join(', ')} do not fit together`,
    );
  }
  const authorities = digestOf(ca ?? Buffer.alloc(0));
  return { context, digest: digestOf(cert, key, ca ?? Buffer.alloc(0)), authorities };
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch {
    throw new Error(`service.tls: ${file} cannot be read`);
  }
}

function digestOf(...parts: readonly Buffer[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest('hex');
}
