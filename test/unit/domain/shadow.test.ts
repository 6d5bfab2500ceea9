import type { PolicyVersion } from '../../../src/contract/policy-store';
import { assertShadowable, shadowStatus } from '../../../src/domain/shadow';

const now = Date.parse('2026-06-01T00:00:00Z');
const put = { version: '1.1', percent: 10, expires_at: '2026-06-08T00:00:00Z' };
const version = (fields: Partial<PolicyVersion>) =>
  ({ version: '1.1', status: 'approved', active: false, ...fields }) as PolicyVersion;

describe('a shadow', () => {
  it.each(['approved', 'pending_approval'] as const)('may be a version that is %s', (status) => {
    expect(() => assertShadowable(version({ status }), put, now)).not.toThrow();
  });

  it.each<[string, Partial<PolicyVersion>]>([
    ['decides', { active: true }],
    ['is a draft', { status: 'draft' }],
    ['was rejected', { status: 'rejected' }],
  ])('is no version that %s', (_what, fields) => {
    expect(() => assertShadowable(version(fields), put, now)).toThrow(
      expect.objectContaining({ status: 409, detail: 'version_not_shadowable' }),
    );
  });

  it.each([
    ['2026-06-01T00:00:00Z', 'must be in the future'],
    ['2026-07-02T00:00:00Z', 'must be within 30 days'],
  ])('cannot end at %s', (expires_at, message) => {
    expect(() => assertShadowable(version({}), { ...put, expires_at }, now)).toThrow(
      expect.objectContaining({ fieldErrors: [{ path: 'expires_at', message }] }),
    );
  });

  it('ends by itself at its time, and when its version decides', () => {
    const shadow = { version: '1.1', expiresAt: new Date(now), endedAt: null };
    expect(shadowStatus(shadow, '1.0', now - 1)).toBe('running');
    expect(shadowStatus(shadow, null, now - 1)).toBe('running');
    expect(shadowStatus(shadow, '1.0', now)).toBe('expired');
    expect(shadowStatus(shadow, '1.1', now - 1)).toBe('activated');
    expect(shadowStatus({ ...shadow, endedAt: new Date(now) }, '1.1', now)).toBe('ended');
  });
});
