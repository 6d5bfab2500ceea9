import { loadPolicySync, type LoadedPolicy } from '@open-policy-agent/opa-wasm';
import { type DecisionName, type DecisionRules } from './bundle';

/** Memory of one module in pages of 64 KiB: 16 MiB at most, so that a greedy policy traps instead of starving others. */
const memory = { initial: 5, maximum: 256 };

/** A bundle's compiled rules in memory. Not to be used again after a throw: its memory is then in any state. */
export interface RegoModule {
  readonly rules: DecisionRules;
  /** The rule's value, or `undefined` when nothing in the policy gives it one. @throws when the policy traps. */
  evaluate(decision: DecisionName, input: object): unknown;
}

/** @throws when the bytes are no policy module */
export function loadRegoModule(wasm: Uint8Array): RegoModule {
  // The loader reads its descriptor only, but adds to it: each module gets its own.
  const policy: LoadedPolicy = loadPolicySync(Uint8Array.from(wasm), { ...memory });
  const entrypoints = policy.entrypoints as Record<string, number>;
  const defines = (decision: DecisionName) => Object.hasOwn(entrypoints, `orchestration/${decision}`);
  return {
    rules: { selection: defines('selection'), coverage: defines('coverage'), conflict: defines('conflict') },
    evaluate(decision, input) {
      const results = policy.evaluate(input, `orchestration/${decision}`) as { result: unknown }[];
      return results[0]?.result;
    },
  };
}
