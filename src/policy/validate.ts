import { resolve, sep } from 'node:path';
import { type Sibling, conflictsWith } from './bundle-conflicts';
import { readFixtures } from './fixtures';
import type { Candidate } from './candidate';
import { judge, type Judgement, type JudgeOptions, unreadable } from './judge';
import {
  type BundleFolder,
  bundleFolders,
  problemsOf,
  type BundleTexts,
  readBundle,
  readBundleIn,
} from './load';
import { policyFile } from './policy-file';
import { problem } from './problem';
import { readRegoSources } from './rego-sources';

/** Verdict on one bundle of a folder. */
export interface BundleReport extends Judgement {
  readonly tenant: string;
  readonly bundle: string;
}

/** Judges every bundle under `dir`, also against each other. @throws when `dir` cannot be read */
export async function validatePolicies(dir: string, options: JudgeOptions): Promise<BundleReport[]> {
  const reports: BundleReport[] = [];
  const judged: Sibling[] = [];
  for (const folder of await bundleFolders(dir)) {
    const candidate = await readCandidate(folder).catch(problemsOf);
    if (!('policy' in candidate)) {
      reports.push({ ...named(folder), ...unreadable(candidate) });
      continue;
    }
    const { judgement: report } = await judge(candidate, options);
    const conflicts = conflictsWith(candidate, judged).map((line) =>
      problem(policyFile, line, 'bundle_conflict'),
    );
    judged.push(candidate);
    reports.push({ ...named(folder), ...report, warnings: [...report.warnings, ...conflicts] });
  }
  return reports;
}

/** As {@link validatePolicies}, for one bundle, wherever its folder lies. */
export async function validateBundle(dir: string, options: JudgeOptions): Promise<BundleReport> {
  const candidate = await readCandidateIn(dir).catch(problemsOf);
  if ('policy' in candidate) {
    const { tenant_id: tenant, policy_bundle: bundle } = candidate.policy;
    return { tenant, bundle, ...(await judge(candidate, options)).judgement };
  }
  const [tenant = '', bundle = ''] = resolve(dir).split(sep).slice(-2);
  return { tenant, bundle, ...unreadable(candidate) };
}

/** Reads a bundle with its tests and fixtures. @throws PolicyCompileError */
export async function readCandidateIn(dir: string): Promise<Candidate> {
  return withTests(await readBundleIn(dir), dir);
}

async function readCandidate(folder: BundleFolder): Promise<Candidate> {
  return withTests(await readBundle(folder), folder.dir);
}

async function withTests({ policy, sources, placeOf }: BundleTexts, dir: string): Promise<Candidate> {
  const all = sources.length === 0 ? [] : await readRegoSources(dir, '.', 'with tests');
  const inForce = new Set(sources.map(({ path }) => path));
  return {
    policy,
    sources,
    tests: all.filter(({ path }) => !inForce.has(path)),
    fixtures: await readFixtures(dir),
    placeOf,
  };
}

function named({ tenant, bundle }: BundleFolder) {
  return { tenant, bundle };
}
