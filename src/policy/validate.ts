import type { TenantPolicy } from '../contract/policy';
import type { DecisionName } from './bundle';
import { decisionNames } from './bundle';
import { compileRego } from './compile';
import {
  type BundleFolder,
  bundleFolders,
  loadPolicies,
  type PolicyFolders,
  problemsOf,
  readBundle,
} from './load';
import type { PolicyProblem } from './problem';
import { loadRegoModule } from './rego-module';
import { runRegoTests } from './rego-tests';

/** Verdict on one bundle (spec/orchestration.md 1.11 `compilation`, 9.4 `policy validate-all`). */
export interface BundleReport {
  readonly tenant: string;
  readonly bundle: string;
  readonly version: string | null;
  readonly ok: boolean;
  readonly errors: readonly PolicyProblem[];
  readonly warnings: readonly string[];
  /** Detectors that the policy names and the registry does not know. */
  readonly missing_detectors: readonly string[];
  /** Decisions that the bundle's Rego takes. */
  readonly rules: readonly DecisionName[];
  /** Null for a bundle without Rego, or one whose static fields are already wrong. */
  readonly compilation: {
    readonly ok: boolean;
    readonly errors: readonly PolicyProblem[];
    readonly tests_run: number;
    readonly tests_failed: number;
  } | null;
}

export interface ValidationOptions {
  readonly opaPath: () => Promise<string>;
  /** Names in the registry; absent: detectors are not checked. */
  readonly knownDetectors?: ReadonlySet<string>;
}

/** Judges every bundle under `dir`: static fields, Rego, its tests and the detectors it names. */
export async function validatePolicies(dir: string, options: ValidationOptions): Promise<BundleReport[]> {
  const reports: BundleReport[] = [];
  for (const folder of await bundleFolders(dir)) reports.push(await validateBundle(folder, options));
  return reports;
}

/** As {@link validatePolicies}, for one bundle. */
async function validateBundle(folder: BundleFolder, options: ValidationOptions): Promise<BundleReport> {
  const { tenant, bundle } = folder;
  const nothing = {
    tenant,
    bundle,
    version: null,
    missing_detectors: [],
    rules: [],
    compilation: null,
    warnings: [],
  };
  const texts = await readBundle(folder).catch(problemsOf);
  if (!('policy' in texts)) return { ...nothing, ok: false, errors: texts };

  const { policy, sources } = texts;
  const missing = namedDetectors(policy).filter((name) => options.knownDetectors?.has(name) === false);
  const judged = { ...nothing, version: policy.version, missing_detectors: missing };
  if (sources.length === 0) return { ...judged, ok: missing.length === 0, errors: [] };

  const opaPath = await options.opaPath();
  const compiled = await compileRego(opaPath, sources).catch(problemsOf);
  const tests = await runRegoTests(folder.dir, opaPath);
  const compileErrors = compiled instanceof Uint8Array ? [] : compiled;
  const errors = compileErrors.length > 0 ? compileErrors : tests.problems;
  const defined = compiled instanceof Uint8Array ? loadRegoModule(compiled).rules : null;
  return {
    ...judged,
    ok: errors.length === 0 && missing.length === 0,
    errors,
    warnings: compileErrors.length === 0 && tests.run === 0 ? ['the Rego has no tests'] : [],
    rules: decisionNames.filter((name) => defined?.[name]),
    compilation: {
      ok: compileErrors.length === 0,
      errors: compileErrors,
      tests_run: tests.run,
      tests_failed: tests.failed,
    },
  };
}

/** Every detector that the static fields name, sorted. */
export function namedDetectors(policy: TenantPolicy): string[] {
  const names = [
    ...policy.required_detectors,
    ...policy.optional_detectors,
    ...Object.keys(policy.coverage_calculation.weighted_requirements ?? {}),
    ...Object.keys(policy.timeout_config),
    ...Object.keys(policy.retry_config),
    ...Object.keys(policy.priority_weights),
    ...Object.values(policy.content_type_routing).flat(),
  ];
  return [...new Set(names)].toSorted();
}

/**
 * The build step: compiles all bundles into the cache, so that a start needs no `opa`.
 * @returns how many bundles are ready, and those refused
 */
export async function buildPolicies(folders: PolicyFolders) {
  const { bundles, refused } = await loadPolicies(folders);
  return { ready: bundles.length, refused };
}
