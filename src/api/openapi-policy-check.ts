import '../contract/policy-validation';
import { answer, common, errors, json } from './openapi-parts';

/** Path of judging policies without putting them in place. */
export function policyCheckPaths() {
  return {
    '/policies/validate': {
      post: {
        operationId: 'validatePolicy',
        summary: 'Judge detector results by the active bundle, or a bundle before it is put in place',
        description:
          'Stores nothing. A candidate is `policy` with its `rego`, `rego_tests` and `fixtures`: schema, weights, detectors, Rego, tests. What is wrong is a 200 with `is_valid` false.',
        parameters: common,
        requestBody: { required: true, content: json('PolicyCheck') },
        responses: {
          '200': answer('The verdict', 'PolicyVerdict'),
          ...errors,
          '403': answer(
            'INSUFFICIENT_RBAC: `tenant_mismatch`; RATE_LIMITED: `overloaded`, too many are judged already, or the machine has no room for it now',
            'ErrorResponse',
          ),
          '500': answer(
            'INTERNAL_ERROR: `compiler_unavailable`, there is no opa for the Rego',
            'ErrorResponse',
          ),
        },
      },
    },
  };
}
