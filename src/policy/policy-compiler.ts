import { type Bundle, bundleDigest, noRules } from './bundle';
import type { Candidate } from './candidate';
import { compileRego } from './compile';
import { compiledOnce } from './compile-cache';
import { foundOpa, opaAbsent } from './opa-unavailable';

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

  /** @throws PolicyCompileError; OpaUnavailable */
  async compile({ policy, sources }: Pick<Candidate, 'policy' | 'sources'>): Promise<Bundle> {
    const digest = bundleDigest(policy, sources);
    if (sources.length === 0) return { policy, digest, wasm: null, rules: noRules };
    const compile = async () => compileRego(await this.program(), sources);
    return { policy, digest, ...(await compiledOnce(this.options.cacheDir, sources, compile)) };
  }

  /** Where `opa` is. @throws OpaUnavailable */
  async program(): Promise<string> {
    const now = this.options.now ?? Date.now;
    if (now() < this.#absentUntil) throw opaAbsent('it was looked for a moment ago');
    this.#opa ??= foundOpa(this.options.opaPath);
    try {
      const program = await this.#opa;
      this.#state = 'available';
      return program;
    } catch (error) {
      this.#opa = null;
      this.#absentUntil = now() + askAgainMs;
      this.#state = 'absent';
      throw error;
    }
  }
}
