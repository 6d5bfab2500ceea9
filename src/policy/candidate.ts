import type { z } from 'zod';
import { ConclaveError, type FieldError } from '../contract/errors';
import { type TenantPolicy, tenantPolicySchema } from '../contract/policy';
import type { BundleState, PutPolicy } from '../contract/policy-store';
import { nextVersion } from '../domain/policy-lifecycle';
import { isRegoTest, type RegoSource } from './bundle';
import type { Candidate } from './policy-compiler';
import { broughtUp, currentShape } from './policy-shapes';

export interface BundleName {
  readonly tenant_id: string;
  readonly policy_bundle: string;
}

const maxRegoBytes = 1024 * 1024;
const maxPathLength = 200;
const maxTexts = 200;
/** Under whose paths the API answers something else. */
const reservedNames = ['decisions'];
const segment = /^[\p{L}\p{N}_-][\p{L}\p{N}._-]*$/u;

/**
 * What a client wants to be the next version. What the path of the call says need not be in the policy.
 * @throws ConclaveError INVALID_REQUEST `policy_invalid` naming each field at fault
 */
export function candidateOf(put: PutPolicy, named: BundleName, state: BundleState | null): Candidate {
  refuseReserved(named);
  refuseTooMany(put);
  const policy = policyOf(put, named, state);
  const texts = [...sourcesIn(put.rego, 'rego'), ...sourcesIn(put.rego_tests, 'rego_tests')];
  const bytes = texts.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
  if (bytes > maxRegoBytes)
    throw invalid([{ path: 'rego', message: `holds more than ${maxRegoBytes} bytes` }]);
  const sorted = texts.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const sources = sorted.filter(({ path }) => !isRegoTest(path));
  refuseUnusedRego(policy, sources);
  return { policy, sources, tests: sorted.filter(({ path }) => isRegoTest(path)) };
}

function refuseReserved({ policy_bundle: name }: BundleName): void {
  if (!reservedNames.includes(name)) return;
  throw invalid([{ path: 'policy.policy_bundle', message: `must not be ${name}, which is reserved` }]);
}

function refuseTooMany({ rego, rego_tests: tests }: PutPolicy): void {
  if (Object.keys(rego).length + Object.keys(tests).length <= maxTexts) return;
  throw invalid([{ path: 'rego', message: `must hold at most ${maxTexts} texts, with the tests` }]);
}

function policyOf(
  { policy: given, shape }: PutPolicy,
  named: BundleName,
  state: BundleState | null,
): TenantPolicy {
  const raised = raise(given, shape ?? currentShape);
  const parsed = tenantPolicySchema.safeParse({ ...named, version: nextVersion(state), ...raised });
  if (!parsed.success) throw invalid(parsed.error.issues.flatMap(describe));
  const faults = (['tenant_id', 'policy_bundle'] as const)
    .filter((field) => parsed.data[field] !== named[field])
    .map((field) => ({ path: `policy.${field}`, message: `must be ${named[field]}, as the call says` }));
  if (faults.length > 0) throw invalid(faults);
  return parsed.data;
}

function raise(policy: PutPolicy['policy'], shape: number) {
  try {
    return broughtUp(policy, shape);
  } catch (error) {
    throw invalid([{ path: 'shape', message: (error as Error).message }]);
  }
}

function sourcesIn(texts: Readonly<Record<string, string>>, field: string): RegoSource[] {
  const faults = Object.keys(texts).flatMap((path): FieldError[] => {
    const fault = faultOf(path, field);
    return fault === null ? [] : [{ path: `${field}.${path}`, message: fault }];
  });
  if (faults.length > 0) throw invalid(faults);
  return Object.entries(texts).map(([path, text]) => ({ path, text }));
}

function faultOf(path: string, field: string): string | null {
  if (path.length > maxPathLength) return `is longer than ${maxPathLength} characters`;
  if (!path.endsWith('.rego')) return 'must end with .rego';
  if (!path.split('/').every((part) => segment.test(part))) {
    return 'must be a path inside the bundle, such as rules/selection.rego';
  }
  if (field === 'rego_tests' && !isRegoTest(path)) return 'must end with _test.rego';
  return null;
}

/** Rules that are stored and not used would let an author believe in a protection that is not on. */
function refuseUnusedRego({ rego_policy_path: root }: TenantPolicy, sources: readonly RegoSource[]): void {
  const path = 'policy.rego_policy_path';
  if (root === null && sources.length > 0) {
    throw invalid([
      { path, message: `must name the folder of the Rego that comes with it (${sources[0]!.path})` },
    ]);
  }
  if (root === null) return;
  const inside = (file: string) =>
    root === '.' || file === root || file.startsWith(`${root.replace(/\/$/, '')}/`);
  const outside = sources.find((source) => !inside(source.path));
  if (outside) throw invalid([{ path, message: `${root} does not hold ${outside.path}` }]);
  if (sources.length === 0) throw invalid([{ path, message: `${root} holds no Rego: send it in rego` }]);
}

function describe(issue: z.core.$ZodIssue): FieldError[] {
  const at = (path: readonly PropertyKey[]) =>
    ['policy', ...path].reduce<string>(
      (whole, part) =>
        typeof part === 'number'
          ? `${whole}[${part}]`
          : whole === ''
            ? String(part)
            : `${whole}.${String(part)}`,
      '',
    );
  if (issue.code !== 'unrecognized_keys') return [{ path: at(issue.path), message: issue.message }];
  return issue.keys.map((key) => ({ path: at([...issue.path, key]), message: 'is not a known field' }));
}

function invalid(faults: readonly FieldError[]): ConclaveError {
  const [first] = faults;
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : '';
  return new ConclaveError(
    'INVALID_REQUEST',
    `the policy is refused: ${first!.path} ${first!.message}${more}`,
    {
      detail: 'policy_invalid',
      fieldErrors: faults.slice(0, 50),
    },
  );
}
