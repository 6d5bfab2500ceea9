import type { PolicyVerdict, PolicyViolation, ViolationType } from '../contract/policy-validation';
import type { Judgement } from './judge';
import { formatProblem, type PolicyProblem, type ProblemCode } from './problem';

/** A judgement in the words of the API (spec/orchestration.md 1.11). */
export function verdictOf(policyId: string, judgement: Judgement): PolicyVerdict {
  const { errors, warnings, missing_detectors, compilation, version } = judgement;
  const categories = warnings.filter(({ code }) => code === 'unknown_category');
  const violations: PolicyViolation[] = [
    ...errors.map((fault) => violation(policyId, fault, typeOf(fault.code), 'high')),
    ...categories.map((fault) => violation(policyId, fault, 'unknown_category', 'medium')),
    ...missing_detectors.map((name) => ({
      policy_id: policyId,
      violation_type: 'unregistered_detector' as const,
      message: `${name} is not a registered detector`,
      severity: 'medium' as const,
      detector: name,
    })),
  ];
  return {
    is_valid: isValid(violations),
    violations,
    recommendations: [...new Set(warnings.flatMap(({ code }) => recommendations[code] ?? []))],
    warnings: warnings.map(formatProblem),
    missing_detectors: [...missing_detectors],
    policy_version: version,
    compilation: compilation && {
      ...compilation,
      errors: compilation.errors.map(({ code, file, line, column, message }) => ({
        code,
        file,
        line,
        column,
        message,
      })),
    },
  };
}

export function isValid(violations: readonly PolicyViolation[]): boolean {
  return violations.every(({ severity }) => severity === 'low' || severity === 'medium');
}

function violation(
  policy_id: string,
  fault: PolicyProblem,
  violation_type: ViolationType,
  severity: PolicyViolation['severity'],
): PolicyViolation {
  const where = fault.path === undefined ? {} : { path: fault.path };
  return { policy_id, violation_type, message: formatProblem(fault), severity, ...where };
}

function typeOf(code: ProblemCode): ViolationType {
  switch (code) {
    case 'unknown_strategy':
    case 'weights_not_normalized':
    case 'dependency_cycle':
      return code;
    case 'rego_test_failed':
    case 'fixture_failed':
    case 'fixture_invalid':
    case 'coverage_too_low':
      return 'rego_test_failed';
    case 'forbidden_builtin':
    case 'no_decision':
    case 'invalid_decision':
    case 'decision_trap':
    case 'decision_slow':
      return 'rego_compile_error';
    default:
      return code.startsWith('rego_') ? 'rego_compile_error' : 'schema_invalid';
  }
}

const recommendations: Readonly<Partial<Record<ProblemCode, string>>> = {
  no_tests: 'write Rego tests or fixtures, so that the next change is known by what it breaks',
  undefined_decision: 'give the rule a `default`, so that it has a value for every input',
  unreachable_rule: 'remove rules that nothing asks; they look like protection',
  unreachable_threshold: 'register a detector for what no other can judge, or do not require it',
  unknown_input: 'compare the inputs that rules read with docs/policies.md',
  bundle_conflict: 'settle with the other bundles of the tenant what holds for all of them',
};
