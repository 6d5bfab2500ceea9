import {
  type Bundle,
  bundleDigest,
  deserializeBundle,
  noRules,
  serializeBundle,
} from '../../../src/policy/bundle';
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

describe('a stored bundle', () => {
  const bundle: Bundle = {
    policy,
    digest: bundleDigest(policy, sources),
    wasm: Uint8Array.from([0, 97, 115, 109, 255]),
    rules: { ...noRules, coverage: true },
  };

  it('comes back as it was', () => {
    expect(deserializeBundle(serializeBundle(bundle))).toEqual(bundle);
  });

  it('comes back without Rego too', () => {
    const plain = { ...bundle, wasm: null, rules: noRules };
    expect(deserializeBundle(serializeBundle(plain))).toEqual(plain);
  });

  it('is refused when damaged', () => {
    const bytes = serializeBundle(bundle);
    expect(() => deserializeBundle(bytes.subarray(0, bytes.length - 10))).toThrow();
  });
});
