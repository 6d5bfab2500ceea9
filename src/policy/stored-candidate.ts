import type { Simulate } from '../contract/simulation';
import { versionNamed } from '../domain/policy-lifecycle';
import type { BundleName } from './bundle';
import { type BundleDocument, writeDocument } from './bundle-document';
import { existing, type PolicyChanges } from './policy-changes';
import { type PolicyStoreDependencies, proposed } from './policy-store';
import { refusalOf } from './refusal';

/** What could decide one day, ready to be kept apart from the versions. */
interface StoredCandidate {
  readonly version: string;
  readonly digest: string;
  /** Whether it is a version of the store. */
  readonly stored: boolean;
  /** As writeDocument makes it. */
  readonly document: Buffer;
}

export interface CandidateSources {
  readonly changes: Pick<PolicyChanges, 'stateOf' | 'document'>;
  readonly judge: PolicyStoreDependencies['judge'];
}

/**
 * A version of the store; or a policy as it would be put, judged, compiled and stored nowhere.
 * @throws ConclaveError 400 `policy_invalid`, 404 `policy_not_found`, `version_not_found`; OpaUnavailable
 */
export async function candidateFrom(
  { changes, judge }: CandidateSources,
  name: BundleName,
  { version, policy, rego, shape }: Simulate,
): Promise<StoredCandidate> {
  const state = await changes.stateOf(name);
  if (policy === undefined)
    return packed(await changes.document(versionNamed(existing(state), version!)), true);
  const put = { ...unsaid, policy, rego, ...(shape !== undefined && { shape }) };
  const candidate = proposed(put, name, state);
  const { judgement, bundle } = await judge(candidate, name.tenant_id);
  if (judgement.errors.length > 0 || bundle === null) throw refusalOf(name.policy_bundle, judgement);
  return packed({ ...candidate, bundle }, false);
}

const unsaid = { rego_tests: {}, fixtures: [], description: '', requires_approval: false, draft: false };

function packed({ bundle, ...texts }: Omit<BundleDocument, 'shape'>, stored: boolean): StoredCandidate {
  return {
    version: bundle.policy.version,
    digest: bundle.digest,
    stored,
    document: writeDocument(bundle, texts),
  };
}
