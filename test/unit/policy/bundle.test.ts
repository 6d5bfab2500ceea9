import { bundleDigest } from '../../../src/policy/bundle';
import { samplePolicy } from './samples';

const policy = samplePolicy({ policy_data: { floor: 0.4, order: ['a', 'b'] } });
const sources = [{ path: 'rules/a.rego', text: 'package orchestration' }];

describe('the digest of a bundle', () => {
  const digest = bundleDigest(policy, sources);

  it('does not depend on the order of keys or files', () => {
    const reordered = samplePolicy({ policy_data: { order: ['a', 'b'], floor: 0.4 } });
    const second = { path: 'rules/b.rego', text: 'package b' };
    expect(bundleDigest(reordered, sources)).toBe(digest);
    expect(bundleDigest(policy, [second, ...sources])).toBe(bundleDigest(policy, [...sources, second]));
  });

  it.each([
    ['a static field', samplePolicy({ policy_data: { floor: 0.5, order: ['a', 'b'] } }), sources],
    ['the order of a list', samplePolicy({ policy_data: { floor: 0.4, order: ['b', 'a'] } }), sources],
    ['the version', { ...policy, version: '1.1' }, sources],
    ['the Rego', policy, [{ path: 'rules/a.rego', text: 'package orchestration ' }]],
    ['the place of the Rego', policy, [{ path: 'rules/b.rego', text: 'package orchestration' }]],
  ])('changes with %s', (_what, changedPolicy, changedSources) => {
    expect(bundleDigest(changedPolicy, changedSources)).not.toBe(digest);
  });
});
