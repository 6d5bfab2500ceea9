import { realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { TenantPolicy } from '../contract/policy';
import type { DetectorRegistration } from '../contract/registration';
import { decisionNames } from './bundle';
import { readText, shownPath } from './bundle-paths';
import { inputFor } from './decision-inputs';
import { parseYaml, type PlaceOf } from './policy-file';
import type { Trial } from './probes';
import { PolicyCompileError, type PolicyProblem, problem } from './problem';
import { filesUnder } from './rego-sources';
import type { Outcome } from './trial';

const folder = 'fixtures';
const maxFileBytes = 256 * 1024;
const maxFixtures = 500;

export const fixtureSchema = z.strictObject({
  name: z.string().min(1).max(200),
  decision: z.enum(decisionNames),
  /** Fields of the input that matter; the others are as usual. */
  input: z.record(z.string(), z.json()).default({}),
  /** Fields of the decision that are to have these values; others may be there. */
  expect: z.record(z.string(), z.json()),
});

/** List of them, as a file or a request holds it. */
const fixturesSchema = z.array(fixtureSchema).min(1).max(maxFixtures);

/** One input and what is to be decided on it. */
export type FixtureText = Readonly<z.output<typeof fixtureSchema>>;

export interface Fixture extends FixtureText {
  readonly place: Pick<PolicyProblem, 'file' | 'line' | 'column'>;
}

/**
 * Those of `fixtures/*.{yaml,yml,json}` in a bundle's folder; without the folder there are none.
 * @throws PolicyCompileError
 */
export async function readFixtures(bundleDir: string): Promise<Fixture[]> {
  const root = await realpath(bundleDir);
  const dir = join(root, folder);
  if (!(await stat(dir).catch(() => null))?.isDirectory()) return [];
  const files = await filesUnder(root, dir, (name) => /\.(ya?ml|json)$/.test(name));
  const fixtures: Fixture[] = [];
  for (const file of files.toSorted()) {
    const shown = shownPath(root, file);
    const { value, placeOf } = parseYaml(await readText(root, file, maxFileBytes), shown);
    fixtures.push(...fixturesIn(value, shown, placeOf));
    if (fixtures.length > maxFixtures) throw invalid(shown, `there are more than ${maxFixtures} fixtures`);
  }
  return fixtures;
}

/** @throws PolicyCompileError */
export function fixturesIn(value: unknown, file: string, placeOf: PlaceOf): Fixture[] {
  const parsed = fixturesSchema.safeParse(value);
  if (parsed.success) {
    return parsed.data.map((fixture, index) => ({ ...fixture, place: { file, ...placeOf([index]) } }));
  }
  throw new PolicyCompileError(
    parsed.error.issues.map(({ path, message }) => ({
      ...problem(file, path.length === 0 ? message : `${path.join('.')}: ${message}`, 'fixture_invalid'),
      ...placeOf(path),
    })),
  );
}

export function trialOf(
  { name, decision, input }: Fixture,
  policy: TenantPolicy,
  detectors: readonly DetectorRegistration[] | undefined,
): Trial {
  return { name, decision, input: inputFor(decision, policy, detectors, input) };
}

/** Null: it decided as expected. */
export function fixtureFault(fixture: Fixture, outcome: Outcome): PolicyProblem | null {
  const said = complaint(fixture, outcome);
  if (said === null) return null;
  return { code: 'fixture_failed', ...fixture.place, message: `${fixture.name}: ${said}` };
}

function complaint({ decision, expect }: Fixture, outcome: Outcome): string | null {
  if (outcome.kind === 'no_rule') return `the Rego does not decide ${decision}`;
  if (outcome.kind === 'failed') return `${decision} fails (${outcome.reason}): ${outcome.detail}`;
  return difference(expect, outcome.value, decision);
}

/** Where a value is not what was expected of it; keys that nothing is expected of do not count. */
function difference(expected: unknown, found: unknown, path: string): string | null {
  if (isObject(expected) && isObject(found)) {
    for (const [key, value] of Object.entries(expected)) {
      const inner = Object.hasOwn(found, key) ? found[key] : undefined;
      const told = difference(value, inner, `${path}.${key}`);
      if (told !== null) return told;
    }
    return null;
  }
  if (Array.isArray(expected) && Array.isArray(found) && expected.length === found.length) {
    for (const [index, value] of expected.entries()) {
      const told = difference(value, found[index], `${path}[${index}]`);
      if (told !== null) return told;
    }
    return null;
  }
  const same =
    typeof expected === 'number' && typeof found === 'number'
      ? Math.abs(expected - found) < 1e-9
      : expected === found;
  return same ? null : `${path} is ${shown(found)}, expected ${shown(expected)}`;
}

function shown(value: unknown): string {
  const text = value === undefined ? 'absent' : JSON.stringify(value);
  return text.length <= 200 ? text : `${text.slice(0, 200).toWellFormed()}…`;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(file: string, message: string): PolicyCompileError {
  return new PolicyCompileError([problem(file, message, 'fixture_invalid')]);
}
