import type { RegistryEntry, RegistryWrite } from '../contract/registry-entry';
import { conflictOf, indexOf, withKnownCapabilities } from './registry';

/** What a source of upstreams says that there is. */
export type Listed = Pick<RegistryEntry, 'endpoint_id' | 'kind' | 'detector' | 'endpoint'>;

/** Who lists: entries of an origin are its own to change and to remove. */
export type Origin = Pick<RegistryEntry, 'source' | 'origin'>;

export interface SyncPlan {
  readonly writes: readonly RegistryWrite[];
  readonly added: readonly string[];
  readonly updated: readonly string[];
  readonly removed: readonly string[];
  readonly unchanged: number;
  /** Ids that somebody registered by hand, and that the source has taken over. */
  readonly takenOver: readonly string[];
  /** Entries that could not be applied; the others are. */
  readonly errors: readonly { readonly endpoint_id: string; readonly message: string }[];
}

/**
 * What must change so that a source's entries are as it lists them (spec/gateway.md 2.5, 6 and 7). What operators set
 * stays: an entry that was taken out stays out, and a split of traffic holds until the source changes its own.
 */
export function planSync(
  by: Origin,
  entries: readonly RegistryEntry[],
  listed: readonly Listed[],
  now: string,
): SyncPlan {
  const known = new Map(entries.map((entry) => [entry.endpoint_id, entry]));
  const wanted = new Set(listed.map(({ endpoint_id }) => endpoint_id));
  const gone = entries.filter((entry) => entry.origin === by.origin && !wanted.has(entry.endpoint_id));
  const staying = entries.filter((entry) => !gone.includes(entry));
  const writes: RegistryWrite[] = gone.map(({ endpoint_id }) => ({ kind: 'remove', id: endpoint_id }));
  const added: string[] = [];
  const updated: string[] = [];
  const takenOver: string[] = [];
  const errors: { endpoint_id: string; message: string }[] = [];
  let unchanged = 0;

  // An address that moves from one listed entry to another is no conflict.
  const others = indexOf(staying.filter((entry) => !wanted.has(entry.endpoint_id)));
  for (const one of listed) {
    const { endpoint_id: id } = one;
    const before = known.get(id);
    const item = withKnownCapabilities(one, before);
    const inTheWay = conflictOf(others, item);
    if (inTheWay || (before && before.kind !== item.kind && before.origin !== by.origin)) {
      const other = inTheWay ?? before!;
      errors.push({ endpoint_id: id, message: `${other.endpoint_id} (${other.source}) is in the way` });
      continue;
    }
    if (before && before.origin === by.origin && sameContent(before, item)) {
      unchanged += 1;
      continue;
    }
    if (before && before.origin !== by.origin) takenOver.push(id);
    (before ? updated : added).push(id);
    writes.push({ kind: 'put', entry: merged(before, item, by, now) });
  }
  return {
    writes,
    added,
    updated,
    removed: gone.map((entry) => entry.endpoint_id),
    unchanged,
    takenOver,
    errors,
  };
}

/** Those of which nobody knows what they can do. */
export function unknownOf(listed: readonly Listed[], entries: readonly RegistryEntry[]): Listed[] {
  const unknown = entries.filter(({ detector }) => detector?.capabilities.origin === 'assumed');
  const ids = new Set(unknown.map(({ endpoint_id: id }) => id));
  return listed.filter(({ endpoint_id: id }) => ids.has(id));
}

/** Entries that change by what their detectors have said when they were asked again. */
export function nowKnown(
  asked: readonly Listed[],
  entries: readonly RegistryEntry[],
  now: string,
): RegistryEntry[] {
  const answers = new Map(asked.map((entry) => [entry.endpoint_id, entry]));
  return entries.flatMap((entry) => {
    const known = withKnownCapabilities(entry, answers.get(entry.endpoint_id));
    return known === entry ? [] : { ...known, updated_at: now };
  });
}

function merged(before: RegistryEntry | undefined, item: Listed, by: Origin, now: string): RegistryEntry {
  const declared = item.detector?.traffic_percent ?? 100;
  const keepsSplit = before && before.detector?.traffic_percent === item.detector?.traffic_percent;
  const disabled = item.endpoint?.disabled ?? false;
  return {
    ...item,
    ...by,
    status: disabled ? 'disabled' : before?.status === 'inactive' ? 'inactive' : 'active',
    traffic_percent: keepsSplit ? before.traffic_percent : declared,
    ttl_seconds: null,
    registration_time: before?.registration_time ?? now,
    updated_at: now,
  };
}

function sameContent(before: RegistryEntry, item: Listed): boolean {
  return (
    JSON.stringify([before.detector, before.endpoint]) === JSON.stringify([item.detector, item.endpoint])
  );
}
