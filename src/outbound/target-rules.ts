import { kindOfAddress } from './addresses';

/** A target that must not be called; the message says nothing of where it led. */
export class OutboundRefused extends Error {
  override readonly name = 'OutboundRefused';
}

export interface OutboundSettings {
  /** Host names, addresses, or `*.suffix`; null: any. */
  readonly hosts: readonly string[] | null;
  /** Hosts that may stand in a private network wherever others may not. */
  readonly privateHosts: readonly string[];
  /** Whether targets may be in private networks unless they say otherwise themselves. */
  readonly privateNetworks: boolean;
  /** Addresses of our own services, which may be anywhere. */
  readonly ownUrls: readonly string[];
}

export interface Destination {
  readonly protocol: string;
  /** As in a URL, an IPv6 address without brackets. */
  readonly hostname: string;
  readonly port: string;
}

/** Which targets may be called (spec/orchestration.md 7, Outbound targets). */
export class TargetRules {
  readonly #own: ReadonlySet<string>;

  constructor(private readonly settings: OutboundSettings) {
    this.#own = new Set(settings.ownUrls.map((url) => placeOf(new URL(url))));
  }

  /** @throws OutboundRefused for a host that is not on the list */
  checkHost(destination: Destination): void {
    const { hosts } = this.settings;
    if (hosts === null || this.#isOwn(destination) || isListed(destination.hostname, hosts)) return;
    throw new OutboundRefused('the host is not on the list of allowed outbound hosts');
  }

  /**
   * @param ownWish what the target itself says of private networks, if anything
   * @throws OutboundRefused for an address that the host must not have
   */
  checkAddress(destination: Destination, address: string, ownWish?: boolean): void {
    const kind = kindOfAddress(address);
    if (kind === 'metadata') throw new OutboundRefused('the host leads to a metadata service');
    if (kind === 'public' || this.#isOwn(destination)) return;
    if (ownWish ?? this.settings.privateNetworks) return;
    if (isListed(destination.hostname, this.settings.privateHosts)) return;
    throw new OutboundRefused('the host leads to a private network');
  }

  #isOwn(destination: Destination): boolean {
    return this.#own.has(placeOf(destination));
  }
}

function placeOf({ protocol, hostname, port }: Destination): string {
  return `${bare(hostname)}:${port || (protocol === 'https:' ? 443 : 80)}`;
}

/** Whether a host is among names, addresses and `*.suffix`es. */
export function isListed(hostname: string, list: readonly string[]): boolean {
  const host = bare(hostname);
  return list.some((entry) =>
    entry.startsWith('*.') ? host.endsWith(entry.slice(1).toLowerCase()) : host === bare(entry),
  );
}

function bare(hostname: string): string {
  return hostname.toLowerCase().replace(/^\[|\]$|\.$/g, '');
}
