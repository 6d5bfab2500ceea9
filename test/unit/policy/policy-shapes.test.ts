import { tenantPolicySchema } from '../../../src/contract/policy';
import { broughtUp, currentShape } from '../../../src/policy/policy-shapes';

const step = (name: string) => (policy: Readonly<Record<string, unknown>>) => ({
  ...policy,
  steps: [...((policy['steps'] as string[] | undefined) ?? []), name],
});

describe('shapes of policies', () => {
  it('are brought up step by step, in order and without a gap', () => {
    const steps = { 1: step('1 to 2'), 2: step('2 to 3'), 3: step('3 to 4') };
    expect(broughtUp({}, 2, steps, 4)).toEqual({ steps: ['2 to 3', '3 to 4'] });
    expect(broughtUp({}, 4, steps, 4)).toEqual({});
    expect(() => broughtUp({}, 1, { 1: step('1 to 2') }, 3)).toThrow('no step leads from shape 2 to 3');
    expect(() => broughtUp({}, 5, steps, 4)).toThrow('later release');
  });

  it.each([
    ['required', 'required_set', {}],
    ['weighted', 'weighted_coverage', { weighted_requirements: { pii: 1 } }],
    ['taxonomy', 'taxonomy_coverage', { required_taxonomy_categories: ['PII'] }],
    ['required_set', 'required_set', {}],
  ])('1: the short name %s becomes %s, detectors are named where they are read', (short, long, rest) => {
    const old = {
      tenant_id: 'acme',
      policy_bundle: 'chat',
      coverage_calculation: { calculation_method: short, required_detector_set: ['pii'], ...rest },
    };
    const policy = tenantPolicySchema.parse(broughtUp(old, 1));
    expect(policy).toMatchObject({
      required_detectors: ['pii'],
      coverage_calculation: { calculation_method: long },
    });
    expect(broughtUp(policy, currentShape)).toBe(policy);
  });

  it('leaves what is no policy to the schema', () => {
    for (const coverage of [undefined, null, [], 'x']) {
      expect(broughtUp({ coverage_calculation: coverage }, 1)).toEqual({ coverage_calculation: coverage });
    }
  });
});
