import type { ConclaveError } from '../../../src/contract/errors';
import type { BundleState, VersionRecord } from '../../../src/contract/policy-store';
import {
  activated,
  assertExpected,
  assertNewVersion,
  headOf,
  nextVersion,
  removed,
  reviewed,
  rollbackSource,
  rolledBack,
  submitted,
  withVersion,
} from '../../../src/domain/policy-lifecycle';

const at = '2026-11-21T10:00:00.000Z';
const name = { tenant_id: 'acme', policy_bundle: 'chat' };

function record(version: string, fields: Partial<VersionRecord> = {}): VersionRecord {
  return {
    version,
    status: 'approved',
    created_at: at,
    created_by: 'ann',
    description: '',
    approvals: [],
    approved_at: null,
    activated_at: null,
    rolled_back_from: null,
    conflict_warnings: [],
    checksum: `digest of ${version}`,
    shape: 2,
    origin: 'api',
    rate_limit_per_minute: 1000,
    benign_labels: ['clean'],
    ...fields,
  };
}

const bundle = (active: string | null, ...versions: VersionRecord[]): BundleState => ({
  ...name,
  versions,
  active,
  deleted_at: null,
  folder_digest: null,
});

function refusalOf(act: () => unknown): ConclaveError {
  try {
    act();
  } catch (error) {
    return error as ConclaveError;
  }
  throw new Error('nothing was refused');
}

describe('versions of a policy', () => {
  it.each([
    [null, '1.0'],
    ['1.0', '1.1'],
    ['1.9', '1.10'],
    ['2.3.4', '2.4'],
    ['1.99999999999999999999999', '1.100000000000000000000000'],
  ])('after %s comes %s', (latest, next) => {
    const state = latest === null ? null : bundle(null, record(latest));
    expect(nextVersion(state)).toBe(next);
    expect(() => assertNewVersion(state, next)).not.toThrow();
  });

  it.each([
    ['1.10', 'version_exists'],
    ['1.10.0', 'version_exists'],
    ['1.9', 'version_too_low'],
    ['0.1', 'version_too_low'],
  ])('rise: %s after 1.10 is refused as %s', (version, detail) => {
    const state = bundle(null, record('1.0'), record('1.10'));
    expect(refusalOf(() => assertNewVersion(state, version))).toMatchObject({ status: 409, detail });
  });

  it('come back to life with a deleted bundle, numbered on', () => {
    const gone = removed(bundle('1.0', record('1.0')), at);
    expect(headOf(gone)).toMatchObject({ active: null, deleted: true, versions: 1 });
    const back = withVersion(gone, record('1.1'), name);
    expect(back).toMatchObject({ deleted_at: null, active: null });
  });
});

describe('the life of a version', () => {
  const actions: Record<string, (state: BundleState) => BundleState | VersionRecord> = {
    submit: (state) => submitted(state, '1.1', 'ann'),
    approve: (state) =>
      reviewed(state, '1.1', { reviewer: 'bob', decision: 'approve', note: '', timestamp: at }),
    activate: (state) => activated(state, '1.1', at),
    'roll back to': (state) => rollbackSource(state, '1.1'),
  };
  const allowed: Record<VersionRecord['status'], string[]> = {
    draft: ['submit'],
    pending_approval: ['approve'],
    changes_requested: [],
    rejected: [],
    approved: ['activate', 'roll back to'],
    rolled_back: [],
  };
  const details: Record<string, string> = {
    submit: 'version_not_submittable',
    approve: 'version_not_reviewable',
    activate: 'version_not_activatable',
    'roll back to': 'version_not_rollbackable',
  };

  it.each(Object.entries(allowed))('one that is %s can only: %j', (status, can) => {
    const state = bundle('1.0', record('1.0'), record('1.1', { status: status as VersionRecord['status'] }));
    for (const [action, act] of Object.entries(actions)) {
      if (can.includes(action)) expect(() => act(state)).not.toThrow();
      else expect(refusalOf(() => act(state))).toMatchObject({ status: 409, detail: details[action] });
    }
  });

  it('is approved by anybody but who submitted it, and rejected by anybody', () => {
    const state = bundle(null, record('1.0', { status: 'pending_approval' }));
    const own = { reviewer: 'ann', note: 'fine', timestamp: at };
    expect(refusalOf(() => reviewed(state, '1.0', { ...own, decision: 'approve' }))).toMatchObject({
      status: 403,
      detail: 'approver_is_submitter',
    });
    expect(reviewed(state, '1.0', { ...own, decision: 'reject' }).versions[0]).toMatchObject({
      status: 'rejected',
      approved_at: null,
    });
    const approved = reviewed(state, '1.0', { ...own, reviewer: 'bob', decision: 'approve' });
    expect(approved.versions[0]).toMatchObject({ status: 'approved', approved_at: at });
    expect(approved.active).toBeNull();
  });

  it('is not approved by who has submitted the draft of somebody else', () => {
    const draft = bundle(null, record('1.0', { status: 'draft', created_by: 'alice' }));
    const state = submitted(draft, '1.0', 'bob');
    const approve = { decision: 'approve', note: '', timestamp: at } as const;
    for (const reviewer of ['alice', 'bob']) {
      expect(refusalOf(() => reviewed(state, '1.0', { ...approve, reviewer }))).toMatchObject({
        status: 403,
        detail: 'approver_is_submitter',
      });
    }
    const [approved] = reviewed(state, '1.0', { ...approve, reviewer: 'carol' }).versions;
    expect(approved).toMatchObject({ status: 'approved' });
  });

  it('becomes active once; an older one does not, but comes back as a copy', () => {
    const state = bundle('1.1', record('1.0'), record('1.1'), record('1.2'));
    expect(refusalOf(() => activated(state, '1.0', at))).toMatchObject({ detail: 'version_not_activatable' });
    const active = activated(state, '1.2', at);
    expect(active).toMatchObject({ active: '1.2' });
    expect(activated(active, '1.2', 'later')).toBe(active);
    expect(refusalOf(() => rollbackSource(active, '1.2'))).toMatchObject({
      detail: 'version_not_rollbackable',
    });
    const back = rolledBack(
      active,
      record('1.3', { rolled_back_from: rollbackSource(active, '1.0').version }),
    );
    expect(back.active).toBe('1.3');
    expect(back.versions.map(({ status }) => status)).toEqual([
      'approved',
      'approved',
      'rolled_back',
      'approved',
    ]);
  });

  it('is changed only on the state that was seen', () => {
    const state = bundle('1.0', record('1.0'));
    for (const seen of [{}, { revision: '7' }, { activeVersion: '1.0' }]) {
      expect(() => assertExpected(state, '7', seen)).not.toThrow();
    }
    for (const seen of [{ revision: '6' }, { activeVersion: '0.9' }]) {
      expect(refusalOf(() => assertExpected(state, '7', seen))).toMatchObject({
        status: 409,
        detail: 'version_conflict',
      });
    }
    expect(refusalOf(() => assertExpected(null, null, { activeVersion: '1.0' }))).toMatchObject({
      status: 409,
    });
  });
});
