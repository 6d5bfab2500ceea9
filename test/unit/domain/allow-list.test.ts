import type { DecidedEntry, StoredEntry } from '../../../src/contract/allow-list';
import {
  allowedUnder,
  approved,
  isRepeated,
  proposed,
  revoked,
  shown,
  statusOf,
} from '../../../src/domain/allow-list';
import { finding } from './support';

const now = Date.parse('2026-06-01T00:00:00Z');
const day = 86_400_000;
const of = { entryId: 'allow-1', tenantId: 'acme', by: 'ann' };
const proposal = {
  fingerprint: 'f'.repeat(32),
  detector: 'pii',
  label: 'email',
  reason: 'our own address',
  expires_at: '2026-07-01T02:00:00+02:00',
};
const entry = proposed(proposal, of, now);
const active = approved(entry, 'bob', now);

describe('an entry of an allow-list', () => {
  it('waits for somebody else, counts until it expires, and is for all bundles unless it says which', () => {
    expect(entry).toMatchObject({
      policy_bundle: null,
      expires_at: '2026-07-01T00:00:00.000Z',
      created_by: 'ann',
    });
    const end = Date.parse(entry.expires_at);
    expect([entry, active].map((one) => statusOf(one, end - 1))).toEqual(['pending_approval', 'active']);
    expect([entry, active].map((one) => statusOf(one, end))).toEqual(['expired', 'expired']);
    expect(shown(active, now)).toMatchObject({ status: 'active', approved_by: 'bob' });
  });

  it.each([
    ['2026-06-01T00:00:00Z', 'must be in the future'],
    ['2027-06-02T00:00:01Z', 'must be within 366 days: propose the entry again when it has expired'],
  ])('cannot end at %s', (expires_at, message) => {
    expect(() => proposed({ ...proposal, expires_at }, of, now)).toThrow(
      expect.objectContaining({ code: 'INVALID_REQUEST', fieldErrors: [{ path: 'expires_at', message }] }),
    );
    expect(proposed({ ...proposal, expires_at: '2027-06-02T00:00:00Z' }, of, now)).toBeDefined();
  });

  it('is not approved by who has proposed it', () => {
    expect(() => approved(entry, 'ann', now)).toThrow(
      expect.objectContaining({ code: 'INSUFFICIENT_RBAC', detail: 'approver_is_submitter' }),
    );
  });

  it('changes once', () => {
    expect(approved(active, 'carl', now + day)).toBe(active);
    const gone = revoked(active, 'carl', now + day);
    expect(shown(gone, now + day)).toMatchObject({ status: 'revoked', revoked_by: 'carl' });
    expect(revoked(gone, 'dora', now + 2 * day)).toBe(gone);
  });

  it.each<[string, StoredEntry, number]>([
    ['revoked', revoked(entry, 'ann', now), now],
    ['expired', entry, now + 40 * day],
  ])('that is %s cannot be approved', (status, one, at) => {
    expect(() => approved(one, 'bob', at)).toThrow(
      expect.objectContaining({
        status: 409,
        detail: 'entry_not_approvable',
        message: `the entry is ${status}; propose it anew`,
      }),
    );
  });

  it('may be proposed again in the same words only', () => {
    expect(isRepeated(entry, proposed(proposal, { ...of, entryId: 'allow-2' }, now + 1))).toBe(true);
    expect(() => isRepeated(entry, proposed({ ...proposal, reason: 'another' }, of, now))).toThrow(
      expect.objectContaining({ status: 409, detail: 'entry_exists' }),
    );
  });
});

describe('what is allowed under a plan', () => {
  const decided = (overrides: Partial<DecidedEntry> = {}): DecidedEntry => ({
    entryId: 'allow-1',
    tenantId: 'acme',
    bundle: null,
    fingerprint: 'f',
    detector: 'pii',
    label: 'email',
    expiresAt: now + day,
    approvedRevision: 5,
    revokedRevision: null,
    ...overrides,
  });
  const plan = { policy_bundle: 'chat', allow_list: { revision: 7, until: now + day } };
  const allowed = (one: DecidedEntry, at = now, under: Parameters<typeof allowedUnder>[0] = plan) =>
    allowedUnder(
      under,
      (fingerprint) => (fingerprint === one.fingerprint ? [one] : []),
      () => at,
    )('pii', {
      ...finding('email', 0.9),
      fingerprint: 'f',
    });

  it.each<[string, Partial<DecidedEntry>]>([
    ['the fingerprint, detector and label', {}],
    ['the bundle', { bundle: 'chat' }],
    ['what was revoked after the plan was made', { revokedRevision: 8 }],
  ])('is %s', (_what, overrides) => {
    expect(allowed(decided(overrides))).toBe('allow-1');
  });

  it.each<[string, Partial<DecidedEntry>]>([
    ['another fingerprint', { fingerprint: 'e' }],
    ['another bundle', { bundle: 'tickets' }],
    ['another detector', { detector: 'secrets' }],
    ['another label', { label: 'phone' }],
    ['what was approved after the plan was made', { approvedRevision: 8 }],
    ['what was revoked before', { revokedRevision: 7 }],
  ])('is not %s', (_what, overrides) => {
    expect(allowed(decided(overrides))).toBeNull();
  });

  it('is not what has expired since the plan was made', () => {
    expect(allowed(decided(), now + day - 1)).toBe('allow-1');
    expect(allowed(decided(), now + day)).toBeNull();
  });

  it('is nothing under a plan without a list', () => {
    expect(allowed(decided(), now, { policy_bundle: 'chat' })).toBeNull();
  });
});
