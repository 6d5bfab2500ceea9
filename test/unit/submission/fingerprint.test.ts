import { orchestrationRequestSchema } from '../../../src/contract/request';
import { claimFor } from '../../../src/submission/fingerprint';

const body = {
  content: 'a text',
  content_type: 'text',
  tenant_id: 'demo',
  policy_bundle: 'default',
  environment: 'dev',
};
const claimOf = (overrides: object = {}) =>
  claimFor(
    'POST /orchestrate',
    'the key',
    orchestrationRequestSchema.parse({ ...body, ...overrides }),
    'id-1',
  );
const fingerprint = (overrides?: object) => claimOf(overrides).fingerprint.toString('hex');

describe('The fingerprint of a request', () => {
  it.each([
    ['defaults spelled out', { processing_mode: 'sync', priority: 'normal' }],
    ['nulls', { processing_mode: null, metadata: null, required_detectors: null }],
    ['keys in another order', Object.fromEntries(Object.entries(body).toReversed())],
  ])('does not see %s', (_what, overrides) => {
    expect(fingerprint(overrides)).toBe(fingerprint());
  });

  it('takes detector lists as sets, and metadata keys in any order', () => {
    const lists = {
      required_detectors: ['a', 'b'],
      excluded_detectors: ['c', 'd'],
      metadata: { x: { m: 1, n: 2 } },
    };
    const same = {
      metadata: { x: { n: 2, m: 1 } },
      excluded_detectors: ['d', 'c'],
      required_detectors: ['b', 'a'],
    };
    expect(fingerprint(same)).toBe(fingerprint(lists));
  });

  it.each([
    { content: 'a text ' },
    { content_type: 'code' },
    { tenant_id: 'other' },
    { policy_bundle: 'strict' },
    { environment: 'prod' },
    { processing_mode: 'async' },
    { priority: 'high' },
    { metadata: {} },
    { required_detectors: [] },
    { required_detectors: ['a'] },
    { excluded_detectors: ['a'] },
  ])('sees %j', (overrides) => {
    expect(fingerprint(overrides)).not.toBe(fingerprint());
  });

  it('sees the order inside lists of metadata, and what is required from what is excluded', () => {
    expect(fingerprint({ metadata: { x: [1, 2] } })).not.toBe(fingerprint({ metadata: { x: [2, 1] } }));
    expect(fingerprint({ required_detectors: ['a'] })).not.toBe(fingerprint({ excluded_detectors: ['a'] }));
  });

  it('goes into the claim beside the hash of the key, never the key', () => {
    const claim = claimOf();
    expect(claim).toMatchObject({ tenantId: 'demo', route: 'POST /orchestrate', requestId: 'id-1' });
    expect(claim.keyHash).toHaveLength(32);
    expect(JSON.stringify(claim)).not.toContain('the key');
  });
});
