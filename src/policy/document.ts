import type { TenantPolicy } from '../contract/policy';
import { isRegoTest, type RegoSource } from './bundle';
import { isPlainName, refusal, staysInside } from './bundle-paths';
import { fixturesIn } from './fixtures';
import type { Candidate } from './judge';
import { policyFile, policyOf } from './policy-file';
import { PolicyCompileError, problem } from './problem';

const maxBytes = 1024 * 1024;
const nowhere = { line: null, column: null };

type Texts = string | Readonly<Record<string, string>>;

/** A bundle as a request brings it. */
export interface BundleDocument {
  readonly policy: unknown;
  readonly rego?: Texts | null | undefined;
  readonly tests?: Texts | null | undefined;
  readonly fixtures?: readonly unknown[] | null | undefined;
}

/** Reads static fields and texts as a folder's would be. @throws PolicyCompileError naming what is wrong */
export function candidateOf({ policy: given, rego, tests, fixtures }: BundleDocument): Candidate {
  const policy = policyOf(given);
  const sources = sourcesIn(rego ?? {}, 'policy.rego', (path) => path.endsWith('.rego') && !isRegoTest(path));
  refuseRegoThatIsNotThere(policy, sources);
  return {
    policy,
    sources,
    tests: sourcesIn(tests ?? {}, 'policy_test.rego', isRegoTest),
    fixtures: fixtures?.length ? fixturesIn(fixtures, 'fixtures', () => nowhere) : [],
    placeOf: () => nowhere,
  };
}

function sourcesIn(texts: Texts, alone: string, fits: (path: string) => boolean): RegoSource[] {
  const named = typeof texts === 'string' ? { [alone]: texts } : texts;
  const bytes = Object.values(named).reduce((total, text) => total + Buffer.byteLength(text), 0);
  if (bytes > maxBytes) throw refusal('.', `the Rego has more than ${maxBytes} bytes`, 'too_large');
  return Object.entries(named)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, text]) => {
      const parts = path.split('/');
      if (!staysInside(path)) throw refusal(shown(path), 'leads out of the bundle', 'path_outside');
      if (!parts.every((part) => isPlainName(part) && !/^\.?$|^\.|[\\:]/.test(part)))
        throw refusal(shown(path), 'is no name of a file in a bundle', 'invalid_name');
      if (!fits(path))
        throw refusal(shown(path), 'must end in .rego, and in _test.rego if it is a test', 'invalid_name');
      return { path, text };
    });
}

/** Static fields that say they have Rego judge nothing by themselves. */
function refuseRegoThatIsNotThere(
  { rego_policy_path: path }: TenantPolicy,
  sources: readonly RegoSource[],
): void {
  if (path === null || sources.length > 0) return;
  const fault = problem(policyFile, `rego_policy_path is ${path}, and no rego is given`, 'no_rego');
  throw new PolicyCompileError([{ ...fault, path: '/rego_policy_path' }]);
}

function shown(path: string): string {
  return path.replaceAll(/[\p{Cc}\p{Cf}]/gu, '?');
}
