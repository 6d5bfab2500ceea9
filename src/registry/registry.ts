import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { DetectorRegistration } from '../contract/registration';
import type { Share } from '../domain/traffic';
import { shareAt } from '../domain/traffic';
import { byVersion } from '../domain/versions';

/** One version of a detector that requests may be sent to. */
export interface RegisteredDetector {
  readonly registration: DetectorRegistration;
  readonly percent: number;
}

/** The detectors that may be asked. */
export interface Detectors {
  /** Every version of each. */
  readonly registrations: readonly DetectorRegistration[];
  visibleTo(tenantId: string, key?: string): readonly DetectorRegistration[];
}

/** What a tenant sees: one version of each name, chosen for each request where several share its traffic. */
interface View {
  readonly main: readonly DetectorRegistration[];
  readonly split: ReadonlyMap<number, readonly (Share & { readonly registration: DetectorRegistration })[]>;
  /** Lists that were chosen before, by which versions they hold. */
  readonly chosen: LRUCache<string, readonly DetectorRegistration[]>;
}

const wholeShare = 100;

/** The detectors of one moment. Immutable. */
export class DetectorRegistry implements Detectors {
  readonly registrations: readonly DetectorRegistration[];
  readonly #views = new LRUCache<string, View>({ max: 1000 });
  readonly #detectors: readonly RegisteredDetector[];

  constructor(detectors: readonly (DetectorRegistration | RegisteredDetector)[]) {
    this.#detectors = detectors.map((detector) =>
      'registration' in detector ? detector : { registration: detector, percent: wholeShare },
    );
    this.registrations = this.#detectors.map(({ registration }) => registration);
  }

  /**
   * A tenant sees the shared detectors and its own, which stand before shared ones of their name (spec/orchestration.md
   * 1.10), one version each; the same list every time for the same choice of versions.
   * @param key what the versions are chosen by, where traffic is split; absent: those with the largest shares
   */
  visibleTo(tenantId: string, key?: string): readonly DetectorRegistration[] {
    let view = this.#views.get(tenantId);
    if (!view) {
      view = viewOf(this.#detectors, tenantId);
      this.#views.set(tenantId, view);
    }
    if (view.split.size === 0 || key === undefined) return view.main;
    return choose(view, `${tenantId}/${key}`);
  }
}

function viewOf(detectors: readonly RegisteredDetector[], tenantId: string): View {
  const byName = new Map<string, RegisteredDetector[]>();
  const own = detectors.filter(({ registration }) => registration.tenant_id === tenantId);
  const ownNames = new Set(own.map(({ registration }) => registration.name));
  for (const detector of detectors) {
    const { name, tenant_scope: scope } = detector.registration;
    if (scope === 'shared' ? ownNames.has(name) : !own.includes(detector)) continue;
    byName.set(name, [...(byName.get(name) ?? []), detector]);
  }
  const main: DetectorRegistration[] = [];
  const split = new Map<number, (Share & { registration: DetectorRegistration })[]>();
  for (const versions of byName.values()) {
    const shares = versions
      .map(({ registration, percent }) => ({ registration, version: registration.version, percent }))
      .toSorted((a, b) => byVersion(a.version, b.version));
    if (shares.filter(({ percent }) => percent > 0).length > 1) split.set(main.length, shares);
    main.push(largest(shares).registration);
  }
  return { main, split, chosen: new LRUCache({ max: 1000 }) };
}

/** Of equal shares the highest version's. */
function largest<T extends Share>(shares: readonly T[]): T {
  return shares.reduce((best, share) => (share.percent >= best.percent ? share : best));
}

function choose({ main, split, chosen }: View, key: string): readonly DetectorRegistration[] {
  const picks = [...split].map(([index, shares]) => {
    const point = pointOf(`${key}/${main[index]!.name}`);
    return [index, shares[shareAt(shares, point)]!.registration] as const;
  });
  const which = picks.map(([, { version }]) => version).join();
  let list = chosen.get(which);
  if (!list) {
    const versions = new Map(picks);
    list = main.map((registration, index) => versions.get(index) ?? registration);
    chosen.set(which, list);
  }
  return list;
}

/** Where a key falls in [0, 1): anywhere, but always there. */
function pointOf(key: string): number {
  return createHash('sha256').update(key).digest().readUInt32BE() / 2 ** 32;
}
