import ipaddr from 'ipaddr.js';

/** `metadata`: where clouds hand out credentials, or steer the machine; never an upstream. */
export type AddressKind = 'public' | 'private' | 'metadata';

const metadata: ReadonlySet<string> = new Set([
  '169.254.169.254',
  '169.254.169.253',
  '169.254.170.2',
  '169.254.170.23',
  '100.100.100.200',
  '168.63.129.16',
  '192.0.0.192',
  'fd00:ec2::254',
  'fd00:ec2::23',
  'fd20:ce::254',
]);

/** What an address leads to; one that is IPv4 in the clothes of IPv6 is taken for what it means. */
export function kindOfAddress(text: string): AddressKind {
  const address = ipaddr.process(text);
  // NAT64 is how IPv6-only clusters see the IPv4 world, so what stands behind it decides.
  if (address instanceof ipaddr.IPv6 && address.range() === 'rfc6052') {
    const [a, b] = address.parts.slice(-2) as [number, number];
    return kindOfAddress(`${a >> 8}.${a & 255}.${b >> 8}.${b & 255}`);
  }
  if (metadata.has(ipaddr.parse(text.split('%')[0]!).toString()) || metadata.has(address.toString()))
    return 'metadata';
  return address.range() === 'unicast' ? 'public' : 'private';
}
