import { randomUUID } from 'node:crypto';
import type { ChangedBy } from '../contract/changed-by';
import { ConclaveError } from '../contract/errors';
import type { PolicyVersion } from '../contract/policy-store';
import type { PutShadow, Shadow, ShadowView } from '../contract/shadow';
import type { SimulationReport } from '../contract/simulation-report';
import { assertShadowable } from '../domain/shadow';
import { emptyReport } from '../domain/simulation-report';
import type { BundleName } from './bundle';
import type { LiveShadows } from './live-shadows';

interface Change {
  readonly by: string;
  readonly requestId: string;
  readonly correlationId: string | null;
}

interface Figures {
  readonly missed: ShadowView['missed'];
  readonly report: SimulationReport | null;
}

export interface ShadowsDependencies {
  readonly store: {
    begin(shadow: Shadow, change: Change): Promise<void>;
    end(shadow: Shadow, change: Change): Promise<void>;
    figures(shadow: Shadow): Promise<Figures | null>;
  };
  readonly live: Pick<LiveShadows, 'of' | 'statusOf' | 'catchUp'>;
  /** Has this process see what was changed. */
  readonly changed: () => Promise<void>;
  /** @throws ConclaveError 404 `policy_not_found`, `version_not_found` */
  readonly versionOf: (name: BundleName, version: string) => Promise<PolicyVersion>;
  /** Puts a version where every process finds it. */
  readonly provide: (digest: string) => Promise<unknown>;
  /** Counts for good what this process has judged. */
  readonly flush: () => Promise<void>;
  readonly now: () => number;
}

/** Versions that judge beside the ones that decide (docs/shadow.md). */
export class Shadows {
  constructor(private readonly deps: ShadowsDependencies) {}

  /** @throws ConclaveError 404 `shadow_not_found` */
  async get({ tenant_id: tenantId, policy_bundle: bundle }: BundleName): Promise<ShadowView> {
    await this.deps.live.catchUp();
    const shadow = this.deps.live.of(tenantId, bundle);
    if (!shadow) throw noShadow();
    await this.deps.flush();
    const figures = (await this.deps.store.figures(shadow)) ?? nothing;
    return this.#shown(shadow, figures);
  }

  /**
   * In the place of the one before; saying the same again changes nothing.
   * @throws ConclaveError 400, 404 `policy_not_found`, `version_not_found`, 409 `version_not_shadowable`
   */
  async put(name: BundleName, put: PutShadow, by: ChangedBy): Promise<ShadowView> {
    const version = await this.deps.versionOf(name, put.version);
    assertShadowable(version, put, this.deps.now());
    const { tenant_id: tenantId, policy_bundle: bundle } = name;
    await this.deps.live.catchUp();
    const before = this.deps.live.of(tenantId, bundle);
    if (before && this.#isSame(before, put)) return this.get(name);
    await this.deps.provide(version.checksum);
    const shadow: Shadow = {
      shadowId: randomUUID(),
      tenantId,
      bundle,
      version: version.version,
      digest: version.checksum,
      percent: put.percent,
      startedAt: new Date(this.deps.now()),
      startedBy: by.principal,
      expiresAt: new Date(put.expires_at),
      endedAt: null,
    };
    await this.deps.store.begin(shadow, changeOf(by));
    await this.deps.changed();
    return this.#shown(shadow, nothing);
  }

  /** What was counted stays to be read. @throws ConclaveError 404 `shadow_not_found` */
  async end({ tenant_id: tenantId, policy_bundle: bundle }: BundleName, by: ChangedBy): Promise<void> {
    await this.deps.live.catchUp();
    const shadow = this.deps.live.of(tenantId, bundle);
    if (!shadow) throw noShadow();
    await this.deps.store.end(shadow, changeOf(by));
    await this.deps.changed();
  }

  #isSame(shadow: Shadow, { version, percent, expires_at }: PutShadow): boolean {
    return (
      this.deps.live.statusOf(shadow) === 'running' &&
      shadow.version === version &&
      shadow.percent === percent &&
      shadow.expiresAt.getTime() === Date.parse(expires_at)
    );
  }

  #shown(shadow: Shadow, { missed, report }: Figures): ShadowView {
    return {
      shadow_id: shadow.shadowId,
      tenant_id: shadow.tenantId,
      policy_bundle: shadow.bundle,
      version: shadow.version,
      digest: shadow.digest,
      percent: shadow.percent,
      status: this.deps.live.statusOf(shadow),
      started_at: shadow.startedAt.toISOString(),
      started_by: shadow.startedBy,
      expires_at: shadow.expiresAt.toISOString(),
      ended_at: shadow.endedAt?.toISOString() ?? null,
      missed,
      report: report ?? emptyReport,
    };
  }
}

const nothing: Figures = { missed: { dropped: 0, failed: 0 }, report: null };

function changeOf({ principal: by, requestId, correlationId }: ChangedBy): Change {
  return { by, requestId, correlationId };
}

function noShadow(): ConclaveError {
  return new ConclaveError('INVALID_REQUEST', 'no version has run beside this bundle', {
    status: 404,
    detail: 'shadow_not_found',
  });
}
