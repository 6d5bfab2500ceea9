import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { namePattern, tenantPattern } from '../contract/text';
import type { TenantPolicy } from '../contract/policy';
import type { Bundle, RegoSource } from './bundle';
import { OpaUnavailable } from './opa-unavailable';
import type { PolicyCompiler } from './policy-compiler';
import { type PlaceOf, policyFile, readPolicyFile } from './policy-file';
import { PolicyCompileError, type PolicyProblem, problem, type ProblemCode } from './problem';
import { readRegoSources } from './rego-sources';

/** A bundle that stays out, and why. */
export interface RefusedBundle {
  readonly tenant: string;
  readonly bundle: string;
  readonly problems: readonly PolicyProblem[];
}

/** The bundles of all tenants, as they were when loaded. */
interface LoadedPolicies {
  readonly bundles: readonly Bundle[];
  readonly refused: readonly RefusedBundle[];
}

/**
 * Loads every bundle under a folder of `<tenant>/<bundle>` folders. A bundle with a fault stays out and is listed in
 * `refused`; the others load.
 * @throws when the folder cannot be read; OpaUnavailable
 */
export async function loadPolicies(
  dir: string,
  compiler: Pick<PolicyCompiler, 'compile'>,
): Promise<LoadedPolicies> {
  const bundles: Bundle[] = [];
  const refused: RefusedBundle[] = [];
  const found = await bundleFolders(dir, (tenant, error) =>
    refused.push({ tenant, bundle: allBundles, problems: problemsOf(error) }),
  );
  for (const folder of found) {
    try {
      bundles.push(await compiler.compile(await readBundle(folder)));
    } catch (error) {
      if (error instanceof OpaUnavailable) throw error;
      refused.push({ ...namesOf(folder), problems: problemsOf(error) });
    }
  }
  return { bundles, refused };
}

export interface BundleFolder {
  readonly tenant: string;
  readonly bundle: string;
  readonly dir: string;
}

/** Stands for the name of a bundle where a tenant's folder as a whole cannot be read. */
export const allBundles = '*';

/**
 * `<tenant>/<bundle>` folders, sorted; files beside them and hidden folders do not count.
 * @param unreadable hears of a tenant whose folder cannot be read; without it that ends the search
 */
export async function bundleFolders(
  dir: string,
  unreadable: (tenant: string, error: unknown) => void = (_tenant, error) => {
    throw error;
  },
): Promise<BundleFolder[]> {
  const found: BundleFolder[] = [];
  for (const tenant of await foldersIn(dir)) {
    const bundles = await foldersIn(join(dir, tenant)).catch((error: unknown) => {
      unreadable(tenant, error);
      return [];
    });
    for (const bundle of bundles) {
      found.push({ tenant, bundle, dir: join(dir, tenant, bundle) });
    }
  }
  return found;
}

async function foldersIn(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map(({ name }) => name)
    .toSorted();
}

export interface BundleTexts {
  readonly policy: TenantPolicy;
  readonly sources: readonly RegoSource[];
  readonly placeOf: PlaceOf;
}

/** Reads one bundle without compiling it. @throws PolicyCompileError */
export async function readBundle({ tenant, bundle, dir }: BundleFolder): Promise<BundleTexts> {
  if (!tenantPattern.test(tenant))
    throw refusal(`the folder ${tenant} is no valid tenant id`, 'invalid_name');
  if (!namePattern.test(bundle))
    throw refusal(`the folder ${bundle} is no valid bundle name`, 'invalid_name');
  const { policy, placeOf } = await readPolicyFile(dir);
  if (policy.tenant_id !== tenant) {
    const message = `tenant_id is ${policy.tenant_id}, but the folder says ${tenant}`;
    throw new PolicyCompileError([
      placed(problem(policyFile, message, 'name_mismatch'), 'tenant_id', placeOf),
    ]);
  }
  if (policy.policy_bundle !== bundle) {
    const message = `policy_bundle is ${policy.policy_bundle}, but the folder says ${bundle}`;
    throw new PolicyCompileError([
      placed(problem(policyFile, message, 'name_mismatch'), 'policy_bundle', placeOf),
    ]);
  }
  return { policy, sources: await sourcesOf(policy, dir, placeOf), placeOf };
}

/** As {@link readBundle}, of a folder that lies anywhere. */
export async function readBundleIn(dir: string): Promise<BundleTexts> {
  const { policy, placeOf } = await readPolicyFile(dir);
  return { policy, sources: await sourcesOf(policy, dir, placeOf), placeOf };
}

async function sourcesOf(
  { rego_policy_path: path }: TenantPolicy,
  dir: string,
  placeOf: PlaceOf,
): Promise<RegoSource[]> {
  const sources = await readRegoSources(dir, path ?? '.').catch((error: unknown) => {
    throw new PolicyCompileError(
      problemsOf(error).map((fault) =>
        fault.file === policyFile ? placed(fault, 'rego_policy_path', placeOf) : fault,
      ),
    );
  });
  // Rules that lie there and are not used would let an operator believe in a protection that is not on.
  if (path === null && sources.length > 0) {
    throw refusal(`rego_policy_path is not set, but the bundle holds ${sources[0]?.path}`, 'unused_rego');
  }
  if (path !== null && sources.length === 0) {
    const fault = problem(policyFile, `rego_policy_path: ${path} holds no Rego`, 'no_rego');
    throw new PolicyCompileError([placed(fault, 'rego_policy_path', placeOf)]);
  }
  return sources;
}

function placed(fault: PolicyProblem, field: string, placeOf: PlaceOf): PolicyProblem {
  return { ...fault, ...placeOf([field]), path: `/${field}` };
}

/** What an operator is told of a fault, also when it lies outside the bundle, as with a missing `opa`. */
export function problemsOf(error: unknown): readonly PolicyProblem[] {
  if (error instanceof PolicyCompileError) return error.problems;
  return [problem('.', error instanceof Error ? error.message : 'cannot be loaded')];
}

function namesOf({ tenant, bundle }: BundleFolder) {
  return { tenant, bundle };
}

function refusal(message: string, code: ProblemCode): PolicyCompileError {
  return new PolicyCompileError([problem(policyFile, message, code)]);
}
