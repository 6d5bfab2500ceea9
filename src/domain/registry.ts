import type { RegistryEntry } from '../contract/registry-entry';
import { byVersion } from './versions';

/** The name inside an id. */
export function nameInId(endpointId: string): string {
  return endpointId.replace(/^[^:]*:/, '').replace(/@.*$/, '');
}

export function versionOf({ detector, endpoint }: RegistryEntry): string | undefined {
  return detector?.version ?? endpoint?.version;
}

export function tenantOf({ detector }: RegistryEntry): string | null {
  return detector?.tenant_id ?? null;
}

export function urlOf({ detector, endpoint }: RegistryEntry): string {
  return detector?.endpoint ?? endpoint!.url;
}

/** The form in which urls are compared: lower-case host, no default port, no slash at the end. */
export function normalizedUrl(url: string): string {
  const parsed = new URL(url);
  parsed.pathname = parsed.pathname.replace(/\/+$/, '');
  return parsed.href.replace(/\/(?=\?|$)/, '');
}

/**
 * Who stands in the way of an entry (spec/gateway.md 3). Detectors may share an address: their servers tell them apart
 * by name.
 */
export function conflictOf(
  entries: readonly RegistryEntry[],
  candidate: Pick<RegistryEntry, 'endpoint_id' | 'kind' | 'detector' | 'endpoint'>,
): RegistryEntry | null {
  const entry = candidate as RegistryEntry;
  for (const other of entries) {
    const same = other.endpoint_id === entry.endpoint_id;
    if (same && other.kind !== entry.kind) return other;
    if (entry.kind === 'detector' || other.kind === 'detector') continue;
    if (same !== (normalizedUrl(urlOf(other)) === normalizedUrl(urlOf(entry)))) return other;
  }
  return null;
}

/** A detector that cannot be asked what it can do still can what it said when it could, at the same address. */
export function withKnownCapabilities<T extends Pick<RegistryEntry, 'detector'>>(
  listed: T,
  before: Pick<RegistryEntry, 'detector'> | undefined,
): T {
  const { detector } = listed;
  const known = before?.detector;
  if (detector?.capabilities.origin !== 'assumed' || known?.capabilities.origin !== 'fetched') return listed;
  if (detector.endpoint !== known.endpoint || detector.protocol !== known.protocol) return listed;
  return { ...listed, detector: { ...detector, capabilities: known.capabilities } };
}

/** The versions of a detector in one scope, highest first. */
export function versionsOf(
  entries: readonly RegistryEntry[],
  name: string,
  tenant: string | null,
): RegistryEntry[] {
  return entries
    .filter((entry) => entry.detector?.name === name && tenantOf(entry) === tenant)
    .toSorted((a, b) => byVersion(versionOf(b)!, versionOf(a)!));
}
