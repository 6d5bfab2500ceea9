import type { BundleState, PolicyCommit, PolicyVersion, VersionRecord } from '../contract/policy-store';
import { benignLabelsOf } from '../domain/plan';
import { activated, assertNewVersion, withVersion } from '../domain/policy-lifecycle';
import { type Bundle, bundleDigest, type BundleName } from './bundle';
import { type BundleDocument, type RegoTexts, writeDocument } from './bundle-document';
import type { Made } from './policy-changes';
import { currentShape } from './policy-shapes';

type About = Pick<VersionRecord, 'status' | 'created_by' | 'description' | 'origin'> & {
  readonly conflict_warnings: readonly string[];
};

const maxWarnings = 50;

/** A bundle with another version; one that was approved decides from now on. */
export function withBundle(
  state: BundleState | null,
  name: BundleName,
  { bundle, texts }: { readonly bundle: Bundle; readonly texts: RegoTexts },
  about: About,
  at: string,
): Made {
  const approved = about.status === 'approved';
  const record: VersionRecord = {
    ...factsOf(bundle),
    ...about,
    conflict_warnings: shortened(about.conflict_warnings),
    created_at: at,
    approvals: [],
    approved_at: approved ? at : null,
    activated_at: null,
    rolled_back_from: null,
  };
  const added = withVersion(state, record, name);
  return {
    state: approved ? activated(added, record.version, at) : added,
    version: record.version,
    documents: [documentOf(bundle, texts)],
  };
}

function shortened(warnings: readonly string[]): string[] {
  if (warnings.length <= maxWarnings) return [...warnings];
  const told = warnings.slice(0, maxWarnings - 1);
  return [...told, `and ${warnings.length - told.length} more`];
}

/** An approved version under a new number. */
export function copyOf(
  of: VersionRecord,
  document: BundleDocument,
  version: string,
  about: Pick<VersionRecord, 'created_by' | 'description' | 'origin' | 'rolled_back_from'>,
  at: string,
): { readonly record: VersionRecord; readonly documents: PolicyCommit['documents'] } {
  const bundle = renumbered(document.bundle, document, version);
  return {
    record: {
      ...of,
      ...factsOf(bundle),
      ...about,
      status: 'approved',
      created_at: at,
      approved_at: at,
      activated_at: at,
    },
    documents: [documentOf(bundle, document)],
  };
}

/** The same policy under another number, which is another digest. */
export function renumbered(bundle: Bundle, { sources }: RegoTexts, version: string): Bundle {
  const policy = { ...bundle.policy, version };
  return { ...bundle, policy, digest: bundleDigest(policy, sources) };
}

/** Whether a bundle can have this version next. */
export function isNewVersion(state: BundleState | null, version: string): boolean {
  try {
    assertNewVersion(state, version);
    return true;
  } catch {
    return false;
  }
}

/** A version as the API shows it. */
export function shown(state: BundleState, record: VersionRecord): PolicyVersion {
  const { rate_limit_per_minute: _rate, benign_labels: _labels, submitted_by: _by, ...rest } = record;
  return {
    tenant_id: state.tenant_id,
    policy_bundle: state.policy_bundle,
    active: state.active === record.version,
    ...rest,
  };
}

function factsOf({ policy, digest }: Bundle) {
  return {
    version: policy.version,
    checksum: digest,
    shape: currentShape,
    rate_limit_per_minute: policy.rate_limit_per_minute,
    benign_labels: benignLabelsOf(policy),
  };
}

function documentOf(bundle: Bundle, texts: RegoTexts): PolicyCommit['documents'][number] {
  return { digest: bundle.digest, version: bundle.policy.version, document: writeDocument(bundle, texts) };
}
