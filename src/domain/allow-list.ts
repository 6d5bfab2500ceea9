import type {
  AllowListEntry,
  AllowListStatus,
  DecidedEntry,
  ProposeEntry,
  StoredEntry,
} from '../contract/allow-list';
import { ConclaveError } from '../contract/errors';
import type { Plan } from '../contract/plan';
import type { AllowedBy } from './suppression';

const dayMs = 86_400_000;
const longestDays = 366;

export function statusOf(entry: StoredEntry, now: number): AllowListStatus {
  if (entry.revoked_at !== null) return 'revoked';
  if (Date.parse(entry.expires_at) <= now) return 'expired';
  return entry.approved_at === null ? 'pending_approval' : 'active';
}

export function shown(entry: StoredEntry, now: number): AllowListEntry {
  return { ...entry, status: statusOf(entry, now) };
}

/** @throws ConclaveError INVALID_REQUEST `validation_failed` */
export function proposed(
  { fingerprint, policy_bundle, detector, label, reason, expires_at }: ProposeEntry,
  of: { readonly entryId: string; readonly tenantId: string; readonly by: string },
  now: number,
): StoredEntry {
  const expiresAt = Date.parse(expires_at);
  if (expiresAt <= now) throw badExpiry('must be in the future');
  if (expiresAt > now + longestDays * dayMs)
    throw badExpiry(`must be within ${longestDays} days: propose the entry again when it has expired`);
  return {
    entry_id: of.entryId,
    tenant_id: of.tenantId,
    fingerprint,
    policy_bundle: policy_bundle ?? null,
    detector,
    label,
    reason,
    created_at: new Date(now).toISOString(),
    created_by: of.by,
    expires_at: new Date(expiresAt).toISOString(),
    approved_at: null,
    approved_by: null,
    revoked_at: null,
    revoked_by: null,
  };
}

/** Whether a proposal says again what has been proposed. @throws ConclaveError 409 `entry_exists` when it says otherwise */
export function isRepeated(existing: StoredEntry, again: StoredEntry): boolean {
  if (existing.reason === again.reason && existing.expires_at === again.expires_at) return true;
  throw conflict(
    'entry_exists',
    `the entry ${existing.entry_id} already allows this until ${existing.expires_at}; revoke it first, to propose another`,
    'fingerprint',
  );
}

/**
 * From now on it counts; approving again changes nothing.
 * @throws ConclaveError 403 `approver_is_submitter`, 409 `entry_not_approvable`
 */
export function approved(entry: StoredEntry, by: string, now: number): StoredEntry {
  const status = statusOf(entry, now);
  if (status === 'active') return entry;
  if (status !== 'pending_approval') {
    throw conflict('entry_not_approvable', `the entry is ${status}; propose it anew`);
  }
  if (entry.created_by === by) {
    throw new ConclaveError(
      'INSUFFICIENT_RBAC',
      `the entry was proposed by ${by}, who cannot approve it; have somebody else do it`,
      { detail: 'approver_is_submitter' },
    );
  }
  return { ...entry, approved_at: new Date(now).toISOString(), approved_by: by };
}

/** It never counts again; revoking again changes nothing. */
export function revoked(entry: StoredEntry, by: string, now: number): StoredEntry {
  if (entry.revoked_at !== null) return entry;
  return { ...entry, revoked_at: new Date(now).toISOString(), revoked_by: by };
}

/** Whether it acts on findings under a bundle. */
export function isFor({ bundle }: Pick<DecidedEntry, 'bundle'>, policyBundle: string): boolean {
  return bundle === null || bundle === policyBundle;
}

/** What of a list counts for results under a plan: the list as it was when the plan was made, less what has expired. */
export function allowedUnder(
  { policy_bundle: bundle, allow_list: stamp }: Pick<Plan, 'policy_bundle' | 'allow_list'>,
  entriesOf: (fingerprint: string) => readonly DecidedEntry[],
  now: () => number,
): AllowedBy {
  const counts = (entry: DecidedEntry): boolean =>
    stamp !== undefined &&
    isFor(entry, bundle) &&
    entry.approvedRevision <= stamp.revision &&
    (entry.revokedRevision === null || entry.revokedRevision > stamp.revision) &&
    now() < entry.expiresAt;
  return (detector, { fingerprint, label }) =>
    entriesOf(fingerprint).find(
      (entry) => counts(entry) && entry.detector === detector && entry.label === label,
    )?.entryId ?? null;
}

function badExpiry(message: string): ConclaveError {
  return new ConclaveError('INVALID_REQUEST', `expires_at ${message}`, {
    detail: 'validation_failed',
    fieldErrors: [{ path: 'expires_at', message }],
  });
}

function conflict(detail: string, message: string, field?: string): ConclaveError {
  return new ConclaveError('INVALID_REQUEST', message, {
    status: 409,
    detail,
    ...(field !== undefined && { fieldErrors: [{ path: field, message }] }),
  });
}
