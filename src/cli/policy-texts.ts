import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import type { PolicyDocument } from '../contract/policy-store';
import { type FixtureText, readFixtures } from '../policy/fixtures';

/** A bundle as people have it on disk. */
interface BundleTexts {
  readonly policy: Record<string, unknown>;
  readonly rego: Record<string, string>;
  readonly fixtures: readonly FixtureText[];
}

const policyFile = 'policy.yaml';
const fixturesFile = 'fixtures/fixtures.yaml';

/**
 * Reads a bundle's folder, or static fields alone.
 * @throws Error saying what is missing
 */
export async function readTexts(source: string): Promise<BundleTexts> {
  if (!statSync(source, { throwIfNoEntry: false })) throw new Error(`${source} does not exist`);
  if (!statSync(source).isDirectory()) return { policy: documentIn(source), rego: {}, fixtures: [] };
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.rego') && !file.split(path.sep).some((part) => part.startsWith('.')),
  );
  const texts = files
    .toSorted()
    .map((file) => [file.split(path.sep).join('/'), readFileSync(path.join(source, file), 'utf8')]);
  return {
    policy: documentIn(path.join(source, policyFile)),
    rego: Object.fromEntries(texts) as Record<string, string>,
    fixtures: (await readFixtures(source)).map(({ place: _place, ...fixture }) => fixture),
  };
}

/** Writes a bundle as {@link readTexts} reads it. */
export function writeTexts(
  folder: string,
  { policy, rego, rego_tests: tests, fixtures }: PolicyDocument,
): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, policyFile), stringify(policy));
  const texts = { ...rego, ...tests, ...(fixtures.length > 0 && { [fixturesFile]: stringify(fixtures) }) };
  for (const [file, text] of Object.entries(texts)) {
    const target = path.resolve(folder, file);
    if (!target.startsWith(path.resolve(folder) + path.sep))
      throw new Error(`${file} leads out of ${folder}`);
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, text);
  }
}

function documentIn(file: string): Record<string, unknown> {
  if (!statSync(file, { throwIfNoEntry: false })) throw new Error(`${file} does not exist`);
  const document: unknown = parse(readFileSync(file, 'utf8'));
  if (typeof document === 'object' && document !== null && !Array.isArray(document)) {
    return document as Record<string, unknown>;
  }
  throw new Error(`${file} describes no policy`);
}
