import { lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { LRUCache } from 'lru-cache';
import { buildConnector } from 'undici';
import type { TlsReferences } from '../contract/outbound-auth';
import type { SecretSource } from './secrets';
import type { Destination, TargetRules } from './target-rules';

interface ConnectOptions {
  readonly timeoutMs: number;
  readonly tls: TlsReferences | undefined;
  readonly allowPrivateNetwork: boolean | undefined;
}

export interface ConnectorParts {
  readonly rules: TargetRules;
  readonly secrets: SecretSource;
  /** Default: the system's resolver. */
  readonly lookup?: typeof systemLookup;
}

interface Certificates {
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
}

/**
 * Opens connections to allowed targets only. What is judged is the address that is connected to, at that moment: a name
 * that answers otherwise the next time, or a redirect, meets the same rules.
 */
export function guardedConnector(parts: ConnectorParts, options: ConnectOptions): buildConnector.connector {
  const connectors = new LRUCache<
    string,
    { readonly pem: string; readonly connect: buildConnector.connector }
  >({
    max: 20,
  });

  /** The same for as long as the certificates are: it keeps the TLS sessions. */
  function connectorTo(destination: Destination, certificates: Certificates): buildConnector.connector {
    const place = `${destination.protocol}//${destination.hostname}:${destination.port}`;
    const pem = JSON.stringify(certificates);
    const known = connectors.get(place);
    if (known?.pem === pem) return known.connect;
    const lookup = guardedLookup(parts, destination, options.allowPrivateNetwork);
    const connect = buildConnector({ ...certificates, timeout: options.timeoutMs, lookup });
    connectors.set(place, { pem, connect });
    return connect;
  }

  return (destination, callback) => {
    const { hostname } = destination;
    try {
      parts.rules.checkHost(destination);
      if (isIP(hostname) > 0) parts.rules.checkAddress(destination, hostname, options.allowPrivateNetwork);
    } catch (error) {
      callback(error as Error, null);
      return;
    }
    certificatesOf(parts.secrets, options.tls).then(
      (certificates) => connectorTo(destination, certificates)(destination, callback),
      (error: unknown) => callback(error as Error, null),
    );
  };
}

/** Refuses a name of which any address is refused: which of them is taken is not ours to choose. */
function guardedLookup(
  { rules, lookup = systemLookup }: ConnectorParts,
  destination: Destination,
  allowPrivateNetwork: boolean | undefined,
): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) {
        callback(error, '');
        return;
      }
      try {
        for (const { address } of addresses) rules.checkAddress(destination, address, allowPrivateNetwork);
      } catch (refusal) {
        callback(refusal as Error, '');
        return;
      }
      if (options.all) callback(null, addresses);
      else callback(null, addresses[0]!.address, addresses[0]!.family);
    });
  };
}

async function certificatesOf(secrets: SecretSource, tls: TlsReferences | undefined): Promise<Certificates> {
  const read = (reference: string | undefined) =>
    reference === undefined ? undefined : secrets.read(reference);
  const [cert, key, ca] = await Promise.all([read(tls?.cert_ref), read(tls?.key_ref), read(tls?.ca_ref)]);
  return {
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(ca === undefined ? {} : { ca }),
  };
}
