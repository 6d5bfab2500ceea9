import { ConclaveError } from '../contract/errors';
import type { BundleHead, BundleState, VersionRecord } from '../contract/policy-store';
import { byVersion } from './versions';

/** What was expected of a bundle by whoever changes it. */
export interface Expected {
  /** Opaque: of the state that was read. */
  readonly revision?: string | undefined;
  readonly activeVersion?: string | undefined;
}

type Approval = VersionRecord['approvals'][number];

/** @throws ConclaveError 409 `version_conflict` */
export function assertExpected(state: BundleState | null, revision: string | null, expected: Expected): void {
  const changed =
    (expected.revision !== undefined && expected.revision !== revision) ||
    (expected.activeVersion !== undefined && expected.activeVersion !== (state?.active ?? null));
  if (!changed) return;
  throw conflict(
    'version_conflict',
    `the bundle has been changed meanwhile: version ${state?.active ?? 'none'} is active; read it again and repeat your change`,
    'expected_version',
  );
}

/** The next version when nobody names one: 1.0, 1.1, 1.2. */
export function nextVersion(state: BundleState | null): string {
  const latest = latestOf(state)?.version;
  if (latest === undefined) return '1.0';
  const [major, minor] = latest.split('.');
  return `${major}.${BigInt(minor ?? 0) + 1n}`;
}

/** @throws ConclaveError 409 `version_exists`, `version_too_low` */
export function assertNewVersion(state: BundleState | null, version: string): void {
  const latest = latestOf(state)?.version;
  if (latest === undefined || byVersion(version, latest) > 0) return;
  const exists = state?.versions.some((one) => byVersion(one.version, version) === 0) ?? false;
  throw conflict(
    exists ? 'version_exists' : 'version_too_low',
    `version ${version} ${exists ? 'exists and never changes' : `is below ${latest}`}; name one above ${latest}, or none`,
    'policy.version',
  );
}

/** @throws as {@link assertNewVersion} */
export function withVersion(
  state: BundleState | null,
  record: VersionRecord,
  of: { readonly tenant_id: string; readonly policy_bundle: string },
): BundleState {
  assertNewVersion(state, record.version);
  const before = state ?? { ...of, versions: [], active: null, deleted_at: null, folder_digest: null };
  return { ...before, versions: [...before.versions, record], deleted_at: null };
}

/** Shows a draft to reviewers. @throws ConclaveError 404, 409 `version_not_submittable` */
export function submitted(state: BundleState, version: string, by: string): BundleState {
  const record = versionNamed(state, version);
  if (record.status !== 'draft') {
    throw conflict(
      'version_not_submittable',
      `version ${version} is ${record.status}; only a draft can be submitted`,
    );
  }
  return replaced(state, { ...record, status: 'pending_approval', submitted_by: by });
}

const statusAfter = {
  approve: 'approved',
  reject: 'rejected',
  request_changes: 'changes_requested',
} as const;

/** @throws ConclaveError 404, 409 `version_not_reviewable`, 403 `approver_is_submitter` */
export function reviewed(state: BundleState, version: string, approval: Approval): BundleState {
  const record = versionNamed(state, version);
  if (record.status !== 'pending_approval') {
    throw conflict(
      'version_not_reviewable',
      `version ${version} is ${record.status}; only one that is pending approval can be reviewed`,
    );
  }
  const authors = [record.created_by, record.submitted_by];
  if (approval.decision === 'approve' && authors.includes(approval.reviewer)) {
    throw new ConclaveError(
      'INSUFFICIENT_RBAC',
      `version ${version} was made or submitted by ${approval.reviewer}, who cannot approve it; have somebody else do it`,
      { detail: 'approver_is_submitter' },
    );
  }
  const status = statusAfter[approval.decision];
  return replaced(state, {
    ...record,
    status,
    approvals: [...record.approvals, approval],
    approved_at: status === 'approved' ? approval.timestamp : null,
  });
}

/** Has an approved version decide from now on. @throws ConclaveError 404, 409 `version_not_activatable` */
export function activated(state: BundleState, version: string, at: string): BundleState {
  const record = versionNamed(state, version);
  if (state.active === version) return state;
  if (record.status !== 'approved') {
    throw conflict(
      'version_not_activatable',
      `version ${version} is ${record.status}; only an approved one can be activated`,
    );
  }
  if (state.active !== null && byVersion(version, state.active) < 0) {
    throw conflict(
      'version_not_activatable',
      `version ${version} is older than ${state.active}, which is active; roll back to it instead`,
    );
  }
  return { ...replaced(state, { ...record, activated_at: at }), active: version };
}

/** The version that a rollback copies. @throws ConclaveError 404, 409 `version_not_rollbackable` */
export function rollbackSource(state: BundleState, version: string): VersionRecord {
  const record = versionNamed(state, version);
  if (record.status === 'approved' && state.active !== version) return record;
  throw conflict(
    'version_not_rollbackable',
    state.active === version
      ? `version ${version} is active already`
      : `version ${version} is ${record.status}; only an approved one can be rolled back to`,
  );
}

/** The copy decides, and what decided before it is marked. */
export function rolledBack(state: BundleState, copy: VersionRecord): BundleState {
  const left = state.versions.find(({ version }) => version === state.active);
  const marked = left ? replaced(state, { ...left, status: 'rolled_back' as const }) : state;
  const added = withVersion(marked, copy, state);
  return { ...added, active: copy.version };
}

/** Nothing decides any more; versions stay on record. */
export function removed(state: BundleState, at: string): BundleState {
  return { ...state, active: null, deleted_at: at };
}

/** The version that decides. @throws ConclaveError 404 `version_not_found` */
export function activeIn({ active }: BundleState): string {
  if (active !== null) return active;
  throw new ConclaveError('INVALID_REQUEST', 'no version of the bundle is active; name the one you mean', {
    status: 404,
    detail: 'version_not_found',
  });
}

/** @throws ConclaveError 404 `version_not_found` */
export function versionNamed(state: BundleState, version: string): VersionRecord {
  const found = state.versions.find((one) => one.version === version);
  if (found) return found;
  throw new ConclaveError('INVALID_REQUEST', `the bundle has no version ${version}`, {
    status: 404,
    detail: 'version_not_found',
  });
}

export function headOf(state: BundleState): BundleHead {
  const active = state.versions.find(({ version }) => version === state.active);
  const latest = latestOf(state)!;
  return {
    active: active
      ? {
          version: active.version,
          checksum: active.checksum,
          rate_limit_per_minute: active.rate_limit_per_minute,
          benign_labels: active.benign_labels,
          activated_at: active.activated_at,
        }
      : null,
    latest_version: latest.version,
    latest_status: latest.status,
    versions: state.versions.length,
    deleted: state.deleted_at !== null,
    folder_digest: state.folder_digest,
  };
}

function latestOf(state: BundleState | null): VersionRecord | undefined {
  return state?.versions.at(-1);
}

function replaced(state: BundleState, record: VersionRecord): BundleState {
  return {
    ...state,
    versions: state.versions.map((one) => (one.version === record.version ? record : one)),
  };
}

function conflict(detail: string, message: string, path?: string): ConclaveError {
  return new ConclaveError('INVALID_REQUEST', message, {
    status: 409,
    detail,
    ...(path === undefined ? {} : { fieldErrors: [{ path, message }] }),
  });
}
