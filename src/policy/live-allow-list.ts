import type { DecidedEntry } from '../contract/allow-list';
import type { Plan } from '../contract/plan';
import { allowedUnder, isFor } from '../domain/allow-list';
import { type ChangesByOthers, Following } from '../domain/following';
import type { AllowedBy } from '../domain/suppression';

export interface LiveAllowListDependencies extends ChangesByOthers {
  readonly news: () => Promise<readonly DecidedEntry[]>;
  readonly now: () => number;
  /** In ms, whatever is done to the time of day. */
  readonly clock?: () => number;
}

interface Stamped {
  readonly stamp: Plan['allow_list'];
  /** When the stamp is another without anybody's doing (epoch ms). */
  readonly until: number;
}

/** What a process holds of one tenant's list. */
interface OfTenant {
  readonly entries: Map<string, DecidedEntry>;
  /** Of the last change, by bundle; null: for all bundles. */
  readonly revisions: Map<string | null, number>;
  byFingerprint: ReadonlyMap<string, readonly DecidedEntry[]>;
  readonly stamps: Map<string, Stamped>;
}

/** The time in which a change must have reached everybody. */
const trustedMs = 1000;

/**
 * The allow-lists of all tenants as this process sees them: those of their entries that were approved. One that could not
 * look for a second no longer knows what was revoked, and does without them.
 */
export class LiveAllowList {
  readonly #tenants = new Map<string, OfTenant>();
  readonly #following: Following;
  readonly #clock: () => number;
  #seen = 0;
  #confirmedAt = -Infinity;

  constructor(private readonly deps: LiveAllowListDependencies) {
    this.#following = new Following(() => this.#read(), deps);
    this.#clock = deps.clock ?? (() => performance.now());
  }

  start(): Promise<void> {
    return this.#following.start();
  }

  stop(): void {
    this.#following.stop();
  }

  /**
   * Resolves when this process sees all that was committed before the call.
   * @throws when that cannot be read
   */
  refresh(): Promise<void> {
    return this.#following.refresh();
  }

  /** One that fails leaves what is known to grow old. */
  catchUp(): Promise<void> {
    return this.#following.catchUp();
  }

  /** What a plan that is made now says of the list; undefined: nothing in it counts for the bundle, or it is too old. */
  stampOf(tenantId: string, bundle: string): Plan['allow_list'] {
    const tenant = this.#tenants.get(tenantId);
    if (!tenant || this.#clock() - this.#confirmedAt > trustedMs) return undefined;
    const known = tenant.stamps.get(bundle);
    if (known && this.deps.now() < known.until) return known.stamp;
    const made = stampedBy(tenant, bundle, this.deps.now());
    tenant.stamps.set(bundle, made);
    return made.stamp;
  }

  /**
   * What counts for results under a plan; null: nothing does. Of a list that this process cannot bring up to the plan's
   * nothing does, either.
   */
  async allowedBy(plan: Pick<Plan, 'tenant_id' | 'policy_bundle' | 'allow_list'>): Promise<AllowedBy | null> {
    if (!plan.allow_list) return null;
    if (this.#seen < plan.allow_list.revision) await this.catchUp();
    const tenant = this.#tenants.get(plan.tenant_id);
    if (!tenant || this.#seen < plan.allow_list.revision) return null;
    return allowedUnder(plan, (fingerprint) => tenant.byFingerprint.get(fingerprint) ?? [], this.deps.now);
  }

  async #read(): Promise<void> {
    const startedAt = this.#clock();
    const news = await this.deps.news();
    const changed = new Set<OfTenant>();
    for (const entry of news) {
      const revision = entry.revokedRevision ?? entry.approvedRevision;
      this.#seen = Math.max(this.#seen, revision);
      const tenant = this.#tenantOf(entry.tenantId);
      tenant.revisions.set(entry.bundle, Math.max(revision, tenant.revisions.get(entry.bundle) ?? 0));
      tenant.entries.set(entry.entryId, entry);
      changed.add(tenant);
    }
    for (const tenant of changed) settle(tenant, this.deps.now());
    this.#confirmedAt = startedAt;
  }

  #tenantOf(tenantId: string): OfTenant {
    let tenant = this.#tenants.get(tenantId);
    if (!tenant) {
      tenant = { entries: new Map(), revisions: new Map(), byFingerprint: new Map(), stamps: new Map() };
      this.#tenants.set(tenantId, tenant);
    }
    return tenant;
  }
}

/** What has expired counts for nobody any more; what was revoked still does for plans of before. */
function settle(tenant: OfTenant, now: number): void {
  const byFingerprint = new Map<string, DecidedEntry[]>();
  for (const [entryId, entry] of tenant.entries) {
    if (entry.expiresAt <= now) tenant.entries.delete(entryId);
    else {
      const same = byFingerprint.get(entry.fingerprint);
      if (same) same.push(entry);
      else byFingerprint.set(entry.fingerprint, [entry]);
    }
  }
  tenant.byFingerprint = byFingerprint;
  tenant.stamps.clear();
}

function stampedBy({ entries, revisions }: OfTenant, bundle: string, now: number): Stamped {
  const expiries = [...entries.values()]
    .filter((entry) => isFor(entry, bundle) && entry.revokedRevision === null && entry.expiresAt > now)
    .map(({ expiresAt }) => expiresAt);
  if (expiries.length === 0) return { stamp: undefined, until: Infinity };
  const until = expiries.reduce((first, next) => Math.min(first, next));
  const revision = Math.max(revisions.get(null) ?? 0, revisions.get(bundle) ?? 0);
  return { stamp: { revision, until }, until };
}
