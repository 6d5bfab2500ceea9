import type { RegistryEntry } from '../contract/registry-entry';
import { byVersion } from './versions';

/** Whose an upstream is by its id; null: shared by all. */
function tenantInId(endpointId: string): string | null {
  return /^([^:]+):/.exec(endpointId)?.[1] ?? null;
}

/** What somebody may know of: what all tenants share, and beside it what is a tenant's, or what is everybody's. */
export type Sight = 'all' | 'shared' | { readonly tenantId: string };

export function isVisibleId(endpointId: string, sight: Sight): boolean {
  return isWithin(tenantInId(endpointId), sight);
}

/** @param owner null: all tenants share it */
export function isWithin(owner: string | null, sight: Sight): boolean {
  return owner === null || sight === 'all' || (sight !== 'shared' && owner === sight.tenantId);
}

/** Whether a tenant may do to an upstream what others would feel. @param tenantId null: who runs the installation */
export function isOperableId(endpointId: string, tenantId: string | null): boolean {
  return tenantId === null || tenantInId(endpointId) === tenantId;
}

/** The name inside an id. */
export function nameInId(endpointId: string): string {
  return endpointId.replace(/^[^:]*:/, '').replace(/@.*$/, '');
}

export function versionOf({ detector, endpoint }: RegistryEntry): string | undefined {
  return detector?.version ?? endpoint?.version;
}

/** Null: all tenants share it. */
export function ownerOf({ detector }: Pick<RegistryEntry, 'detector'>): string | null {
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

/** Entries by what they may be in each other's way by. */
export interface EntryIndex {
  readonly byId: ReadonlyMap<string, RegistryEntry>;
  /** Detectors left out: they may share an address, since their servers tell them apart by name. */
  readonly byUrl: ReadonlyMap<string, RegistryEntry>;
}

export function indexOf(entries: readonly RegistryEntry[]): EntryIndex {
  return {
    byId: new Map(entries.map((entry) => [entry.endpoint_id, entry])),
    byUrl: new Map(
      entries.flatMap((entry) =>
        entry.kind === 'detector' ? [] : [[normalizedUrl(urlOf(entry)), entry] as const],
      ),
    ),
  };
}

/** Who stands in the way of an entry (spec/gateway.md 3). */
export function conflictOf(
  { byId, byUrl }: EntryIndex,
  candidate: Pick<RegistryEntry, 'endpoint_id' | 'kind' | 'detector' | 'endpoint'>,
): RegistryEntry | null {
  const { endpoint_id: id, kind } = candidate;
  const before = byId.get(id);
  if (before && before.kind !== kind) return before;
  if (kind === 'detector') return null;
  const url = normalizedUrl(urlOf(candidate as RegistryEntry));
  const there = byUrl.get(url);
  if (there && there.endpoint_id !== id) return there;
  return before && normalizedUrl(urlOf(before)) !== url ? before : null;
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
    .filter((entry) => entry.detector?.name === name && ownerOf(entry) === tenant)
    .toSorted((a, b) => byVersion(versionOf(b)!, versionOf(a)!));
}
