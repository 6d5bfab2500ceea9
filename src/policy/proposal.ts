import type { BundleState, PutPolicy } from '../contract/policy-store';
import { nextVersion } from '../domain/policy-lifecycle';
import type { BundleName } from './bundle';
import { type Candidate, candidateOf } from './candidate';
import { policyFile } from './policy-file';
import { broughtUp, currentShape } from './policy-shapes';
import { PolicyCompileError, problem } from './problem';

/** Under whose paths the API answers something else. */
const reservedNames = ['decisions'];

/**
 * What a client wants to be the next version. What the path of the call says need not be in the policy.
 * @throws PolicyCompileError
 */
export function proposalOf(put: PutPolicy, named: BundleName, state: BundleState | null): Candidate {
  if (reservedNames.includes(named.policy_bundle))
    throw refusedField('policy_bundle', `must not be ${named.policy_bundle}, which is reserved`);
  const policy = { ...named, version: nextVersion(state), ...raised(put) };
  for (const field of ['tenant_id', 'policy_bundle'] as const) {
    if (policy[field] !== named[field])
      throw refusedField(field, `must be ${named[field]}, as the call says`);
  }
  return candidateOf({ policy, rego: put.rego, tests: put.rego_tests, fixtures: put.fixtures });
}

function raised({ policy, shape }: PutPolicy): Readonly<Record<string, unknown>> {
  try {
    return broughtUp(policy, shape ?? currentShape);
  } catch (error) {
    throw new PolicyCompileError([problem('shape', (error as Error).message, 'invalid_value')]);
  }
}

function refusedField(field: keyof BundleName, message: string): PolicyCompileError {
  const fault = problem(policyFile, `${field}: ${message}`, 'name_mismatch');
  return new PolicyCompileError([{ ...fault, path: `/${field}` }]);
}
