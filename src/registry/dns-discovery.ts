import type { DnsDiscovery } from '../contract/discovery';
import { type DetectorRegistration, detectorRegistrationSchema } from '../contract/registration';
import type { DiscoverySource } from './discovery';

/** Of node:dns/promises; another in tests. */
export interface DnsResolver {
  resolveSrv(name: string): Promise<{ name: string; port: number }[]>;
  resolve4(name: string): Promise<string[]>;
}

/** The name is known to have no such records, as opposed to nobody knowing. */
const emptyCodes = new Set(['ENOTFOUND', 'ENODATA']);

/** Detectors in DNS: each target of an SRV record is one; a host name is one as long as it has an address. */
export function dnsDiscovery(settings: DnsDiscovery, resolver: DnsResolver): DiscoverySource {
  return {
    name: `dns:${settings.record}`,
    watch(found, failed) {
      let ended = false;
      let timer: NodeJS.Timeout | null = null;
      const look = async (): Promise<void> => {
        try {
          const detectors = await lookUp(settings, resolver);
          if (!ended) found(detectors);
        } catch (error) {
          failed(error);
        }
        if (!ended) timer = setTimeout(() => void look(), settings.interval_seconds * 1000).unref();
      };
      void look();
      return () => {
        ended = true;
        if (timer) clearTimeout(timer);
      };
    },
  };
}

async function lookUp(settings: DnsDiscovery, resolver: DnsResolver): Promise<DetectorRegistration[]> {
  const { record, scheme, port, detector } = settings;
  const registered = (name: string, host: string, at: number) =>
    detectorRegistrationSchema.parse({ ...detector, name, endpoint: `${scheme}://${host}:${at}` });
  try {
    if (settings.records === 'srv') {
      const targets = await resolver.resolveSrv(record);
      return targets
        .map(({ name, port: at }) => registered(name.split('.')[0]!, name.replace(/\.$/, ''), at))
        .toSorted((a, b) => (a.name < b.name ? -1 : 1));
    }
    const addresses = await resolver.resolve4(record);
    return addresses.length === 0 ? [] : [registered(settings.name ?? record.split('.')[0]!, record, port)];
  } catch (error) {
    if (emptyCodes.has(String((error as NodeJS.ErrnoException).code))) return [];
    throw error;
  }
}
