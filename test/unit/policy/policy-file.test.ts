import { parsePolicy } from '../../../src/policy/policy-file';
import { PolicyCompileError, type PolicyProblem } from '../../../src/policy/problem';

const sound = `
tenant_id: acme
policy_bundle: sample
coverage_calculation:
  calculation_method: weighted_coverage
  weighted_requirements: {pii: 0.4, secrets: 0.6}
required_detectors: []
`;

function problemsOf(yaml: string): readonly PolicyProblem[] {
  try {
    parsePolicy(yaml);
  } catch (error) {
    if (error instanceof PolicyCompileError) return error.problems;
    throw error;
  }
  return [];
}

describe('policy.yaml', () => {
  it('is read with the defaults of the contract', () => {
    expect(parsePolicy(sound)).toMatchObject({
      tenant_id: 'acme',
      version: '1.0',
      rego_policy_path: null,
      rate_limit_per_minute: 1000,
      coverage_calculation: { partial_coverage_threshold: 0.8 },
    });
  });

  it('refuses an unknown key by name', () => {
    expect(problemsOf(`${sound}conflict_resolutoin: most_restrictive\n`)).toEqual([
      expect.objectContaining({
        file: 'policy.yaml',
        message: expect.stringContaining('"conflict_resolutoin"'),
      }),
    ]);
  });

  it('refuses an unknown key deep inside with its path and line', () => {
    const [found] = problemsOf(
      sound.replace('  weighted_requirements', '  treshold: 0.5\n  weighted_requirements'),
    );
    expect(found).toMatchObject({ line: 6, column: 3 });
    expect(found?.message).toMatch(/^coverage_calculation: .*"treshold"/);
  });

  it('points at a wrong value', () => {
    const yaml = `${sound}timeout_config:\n  pii: 20\n`;
    expect(problemsOf(yaml)).toEqual([
      expect.objectContaining({
        line: 9,
        column: 8,
        message: expect.stringMatching(/^timeout_config\.pii: /),
      }),
    ]);
  });

  it('refuses weights that do not sum to 1', () => {
    const [found] = problemsOf(sound.replace('0.4', '0.3'));
    expect(found?.message).toBe(
      'coverage_calculation.weighted_requirements: must sum to 1.0, but sums to 0.9',
    );
  });

  it('points at broken YAML', () => {
    const [found] = problemsOf(`${sound}policy_data: {a: 1\n`);
    expect(found).toMatchObject({
      file: 'policy.yaml',
      line: expect.any(Number),
      column: expect.any(Number),
    });
    expect(problemsOf(`${sound}version: "1.0"\nversion: "1.1"\n`)[0]).toMatchObject({ line: 9 });
  });

  it('refuses a file without a policy', () => {
    expect(problemsOf('').length).toBeGreaterThan(0);
    expect(problemsOf('- a\n- b\n').length).toBeGreaterThan(0);
  });
});
