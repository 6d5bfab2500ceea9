import type { TenantPolicy } from '../contract/policy';
import { isRegoTest, type RegoSource } from './bundle';
import { isPlainName, refusal, staysInside } from './bundle-paths';
import { type Fixture, fixturesIn } from './fixtures';
import { type PlaceOf, policyFile, policyOf } from './policy-file';
import { PolicyCompileError, problem, type ProblemCode } from './problem';

/** A bundle that has been read and has not been judged yet. */
export interface Candidate {
  readonly policy: TenantPolicy;
  /** The rules in force, by path. */
  readonly sources: readonly RegoSource[];
  /** Other Rego of the bundle. */
  readonly tests: readonly RegoSource[];
  readonly fixtures: readonly Fixture[];
  readonly placeOf: PlaceOf;
}

const maxBytes = 1024 * 1024;
const maxTexts = 200;
const maxPathLength = 200;
const nowhere = { line: null, column: null };

type Texts = string | Readonly<Record<string, string>>;

/** A bundle as a request brings it. */
export interface GivenTexts {
  readonly policy: unknown;
  /** By path, tests (`*_test.rego`) among them or apart; a text alone has no path. */
  readonly rego?: Texts | null | undefined;
  readonly tests?: Texts | null | undefined;
  readonly fixtures?: readonly unknown[] | null | undefined;
}

/** Reads static fields and texts as a folder's would be. @throws PolicyCompileError naming what is wrong */
export function candidateOf({ policy: given, rego, tests, fixtures }: GivenTexts): Candidate {
  const policy = policyOf(given);
  const texts = [
    ...sourcesIn(rego ?? {}, placeOfAlone(policy), (path) => path.endsWith('.rego')),
    ...sourcesIn(tests ?? {}, 'policy_test.rego', isRegoTest),
  ].toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const bytes = texts.reduce((total, { text }) => total + Buffer.byteLength(text), 0);
  if (bytes > maxBytes) throw refusal('.', `the Rego has more than ${maxBytes} bytes`, 'too_large');
  if (texts.length > maxTexts)
    throw refusal('.', `holds more than ${maxTexts} texts, with the tests`, 'too_many_files');
  const twice = texts.find(({ path }, index) => path === texts[index - 1]?.path);
  if (twice) throw refusal(twice.path, 'is given twice, in rego and in rego_tests', 'duplicate_key');
  const sources = texts.filter(({ path }) => !isRegoTest(path));
  // A text without a path cannot lie outside.
  if (typeof rego !== 'string') refuseUnusedRego(policy, sources);
  return {
    policy,
    sources,
    tests: texts.filter(({ path }) => isRegoTest(path)),
    fixtures: fixtures?.length ? fixturesIn(fixtures, 'fixtures', () => nowhere) : [],
    placeOf: () => nowhere,
  };
}

function placeOfAlone({ rego_policy_path: root }: TenantPolicy): string {
  if (root === null || root === '.') return 'policy.rego';
  return root.endsWith('.rego') ? root : `${root.replace(/\/$/, '')}/policy.rego`;
}

function sourcesIn(texts: Texts, alone: string, fits: (path: string) => boolean): RegoSource[] {
  const named = typeof texts === 'string' ? { [alone]: texts } : texts;
  return Object.entries(named).map(([path, text]) => {
    const parts = path.split('/');
    if (!staysInside(path)) throw refusal(shown(path), 'leads out of the bundle', 'path_outside');
    const plain = path.length <= maxPathLength && parts.every((part) => isPlainName(part));
    if (!plain || parts.some((part) => /^\.?$|^\.|[\\:]/.test(part)))
      throw refusal(shown(path), 'is no name of a file in a bundle', 'invalid_name');
    if (!fits(path))
      throw refusal(shown(path), 'must end in .rego, and in _test.rego if it is a test', 'invalid_name');
    return { path, text };
  });
}

/** Rules that come along and are not used would let an author believe in a protection that is not on. */
function refuseUnusedRego({ rego_policy_path: root }: TenantPolicy, sources: readonly RegoSource[]): void {
  if (root === null) {
    if (sources.length === 0) return;
    const message = `is not set, but there is ${sources[0]!.path}: name it, or its folder`;
    throw atPath(message, 'unused_rego');
  }
  if (sources.length === 0) throw atPath(`is ${root}, and no rego is given`, 'no_rego');
  const folder = `${root.replace(/\/$/, '')}/`;
  const outside = sources.find(({ path }) => root !== '.' && path !== root && !path.startsWith(folder));
  if (outside) throw atPath(`is ${root}, which does not hold ${outside.path}`, 'unused_rego');
}

function atPath(message: string, code: ProblemCode): PolicyCompileError {
  const fault = problem(policyFile, `rego_policy_path ${message}`, code);
  return new PolicyCompileError([{ ...fault, path: '/rego_policy_path' }]);
}

function shown(path: string): string {
  return path.replaceAll(/[\p{Cc}\p{Cf}]/gu, '?');
}
