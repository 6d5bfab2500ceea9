import type { ChangedBy } from '../contract/changed-by';
import { ConclaveError } from '../contract/errors';
import type {
  BundleState,
  PolicyCommit,
  PolicyVersion,
  StoredState,
  VersionRecord,
} from '../contract/policy-store';
import { assertExpected, type Expected, headOf, versionNamed } from '../domain/policy-lifecycle';
import { quotaExceeded } from '../domain/tenancy';
import type { BundleName } from './bundle';
import { type BundleDocument, readDocument } from './bundle-document';
import type { PolicyBackend } from './policy-backend';
import { shown } from './version-records';

/** What a change makes of a bundle. */
export interface Made {
  readonly state: BundleState;
  /** The version that it is about. */
  readonly version: string;
  readonly documents?: PolicyCommit['documents'];
}

const maxTurns = 20;

/** Reads bundles and changes them, each change from the state that is there when it is made. */
export class PolicyChanges {
  constructor(
    private readonly backend: PolicyBackend,
    /** Makes what was committed effective in this process. */
    private readonly refresh: () => Promise<void>,
    /** Bundles that a tenant may have; null: any number. */
    private readonly quotaOf: (tenantId: string) => number | null = () => null,
  ) {}

  /** @throws ConclaveError 404 `policy_not_found` */
  async existing({ tenant_id, policy_bundle }: BundleName): Promise<StoredState> {
    const stored = await this.backend.read(tenant_id, policy_bundle);
    return { state: existing(stored?.state ?? null), revision: stored!.revision };
  }

  /** Null: there has never been such a bundle. */
  async stateOf({ tenant_id, policy_bundle }: BundleName): Promise<BundleState | null> {
    return (await this.backend.read(tenant_id, policy_bundle))?.state ?? null;
  }

  async document({ checksum }: Pick<VersionRecord, 'checksum'>): Promise<BundleDocument> {
    const document = await this.backend.document(checksum);
    if (document) return readDocument(document);
    throw new Error(`the policy document ${checksum} is not in the store`);
  }

  /**
   * @param make of the bundle as it is, and again when others were faster; null: there is nothing to change
   * @returns the version that the change is about
   * @throws ConclaveError 409 `version_conflict`, 400 `quota_exceeded`
   */
  async change(
    name: BundleName,
    by: ChangedBy,
    what: string,
    expected: Expected,
    make: (state: BundleState | null) => Promise<Made | null> | Made | null,
  ): Promise<PolicyVersion | null> {
    const { tenant_id: tenantId, policy_bundle: bundle } = name;
    for (let turn = 0; turn < maxTurns; turn++) {
      const stored = await this.backend.read(tenantId, bundle);
      assertExpected(stored?.state ?? null, stored?.revision ?? null, expected);
      const made = await make(stored?.state ?? null);
      if (made === null) return null;
      const { state, version } = made;
      const about = versionNamed(state, version);
      const maxBundles = isKept(stored?.state) ? null : this.quotaOf(tenantId);
      const outcome = await this.backend.commit({
        tenantId,
        bundle,
        expectedRevision: stored?.revision ?? null,
        state,
        head: headOf(state),
        documents: made.documents ?? [],
        ...(maxBundles !== null && { maxBundles }),
        requestId: by.requestId,
        record: {
          correlation_id: by.correlationId,
          principal: by.principal,
          resource: `policy/${bundle}`,
          what,
          version,
          policy_digest: about.checksum,
          old_version: stored?.state.active ?? null,
          new_version: state.active,
        },
      });
      if (outcome === 'full') throw quotaExceeded(maxBundles!, 'bundles');
      if (outcome === 'stale') continue;
      await this.refresh();
      return shown(state, about);
    }
    throw new ConclaveError('INVALID_REQUEST', 'others are changing this bundle; try again', {
      status: 409,
      detail: 'version_conflict',
    });
  }
}

function isKept(state: BundleState | null | undefined): state is BundleState {
  return state?.deleted_at === null;
}

/** @throws ConclaveError 404 `policy_not_found` */
export function existing(state: BundleState | null): BundleState {
  if (isKept(state)) return state;
  throw new ConclaveError('INVALID_REQUEST', 'the tenant has no policy bundle of this name', {
    status: 404,
    detail: 'policy_not_found',
  });
}
