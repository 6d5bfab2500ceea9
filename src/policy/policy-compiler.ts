import { ConclaveError, GatewayError } from '../contract/errors';
import type { TenantPolicy } from '../contract/policy';
import { type Bundle, bundleDigest, isRegoTest, noRules } from './bundle';
import type { RegoTexts } from './bundle-document';
import { compileRego } from './compile';
import { compiledOnce } from './compile-cache';
import { formatProblem, PolicyCompileError, type PolicyProblem, problem } from './problem';
import { testRego } from './rego-tests';

/** A policy that is to become a version. */
export interface Candidate extends RegoTexts {
  readonly policy: TenantPolicy;
}

export interface PolicyCompilerOptions {
  /** Keeps compiled Rego between starts. */
  readonly cacheDir: string;
  /** Finds the `opa` program; called only when something must be compiled. */
  readonly opaPath: () => Promise<string>;
  readonly now?: () => number;
}

/** Looking for the program may take long; whoever comes meanwhile is told what the last look found. */
const askAgainMs = 60_000;

/** Makes bundles of texts. Without `opa` it makes those without Rego, and those whose Rego it has compiled before. */
export class PolicyCompiler {
  #opa: Promise<string> | null = null;
  #absentUntil = -Infinity;
  #state: 'available' | 'absent' | 'not_needed_yet' = 'not_needed_yet';

  constructor(private readonly options: PolicyCompilerOptions) {}

  get state(): 'available' | 'absent' | 'not_needed_yet' {
    return this.#state;
  }

  /** @throws PolicyCompileError; GatewayError COMPILER_UNAVAILABLE */
  async compile({ policy, sources }: Candidate): Promise<Bundle> {
    const digest = bundleDigest(policy, sources);
    if (sources.length === 0) return { policy, digest, wasm: null, rules: noRules };
    const compile = async () => {
      const opa = await this.#program();
      return compileRego(opa, sources).catch((error: unknown) => {
        throw error instanceof PolicyCompileError ? error : unavailable(error);
      });
    };
    return { policy, digest, ...(await compiledOnce(this.options.cacheDir, sources, compile)) };
  }

  /** Runs the tests of a candidate. @throws PolicyCompileError naming those that fail; GatewayError COMPILER_UNAVAILABLE */
  async test({ sources, tests }: Candidate): Promise<void> {
    if (tests.length === 0) return;
    const report = await testRego(await this.#program(), [...sources, ...tests]);
    if (report.problems.length > 0) throw new PolicyCompileError(report.problems);
    if (report.run === 0)
      throw new PolicyCompileError([problem(tests[0]!.path, 'holds no test: name rules test_…')]);
  }

  async #program(): Promise<string> {
    const now = this.options.now ?? Date.now;
    if (now() < this.#absentUntil) throw unavailable();
    this.#opa ??= this.options.opaPath();
    try {
      const program = await this.#opa;
      this.#state = 'available';
      return program;
    } catch (error) {
      this.#opa = null;
      this.#absentUntil = now() + askAgainMs;
      this.#state = 'absent';
      throw unavailable(error);
    }
  }
}

function unavailable(cause?: unknown): GatewayError {
  const reason = cause instanceof Error ? ` (${cause.message})` : '';
  return new GatewayError(
    'COMPILER_UNAVAILABLE',
    `the Rego cannot be compiled here: the program opa is not available${reason}`,
    {
      details: {
        remedy:
          'install opa or name it in CONCLAVE_OPA_BIN, and repeat the call; policies without Rego can be put, and all that are stored go on deciding',
      },
    },
  );
}

/** What an author is told: each fault with its file, line and column. */
export function refusalOf(error: PolicyCompileError): ConclaveError {
  const [first] = error.problems;
  const more = error.problems.length > 1 ? ` (and ${error.problems.length - 1} more)` : '';
  return new ConclaveError('INVALID_REQUEST', `the policy is refused: ${formatProblem(first!)}${more}`, {
    detail: 'policy_invalid',
    fieldErrors: error.problems.map((fault) => ({ path: fieldOf(fault), message: formatProblem(fault) })),
  });
}

function fieldOf({ file }: PolicyProblem): string {
  if (!file.endsWith('.rego')) return 'policy';
  return `${isRegoTest(file) ? 'rego_tests' : 'rego'}.${file}`;
}
