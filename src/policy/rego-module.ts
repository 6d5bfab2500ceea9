import { type DecisionName, decisionNames, type DecisionRules } from './bundle';
import { fuelExport, metered } from './fuel';
import { RegoHost } from './rego-host';

/** A bundle's compiled rules in memory. Not to be used again after a throw: its memory is then in any state. */
export interface RegoModule {
  readonly rules: DecisionRules;
  /**
   * @param input JSON
   * @returns the rule's value, or `undefined` when nothing in the policy gives it one
   * @throws OutOfFuelError, or what the policy traps with
   */
  evaluate(decision: DecisionName, input: Uint8Array, fuel: number): unknown;
}

/** What threads can share. One that was kept by an earlier release is metered here. @throws when it is no policy */
export function regoModule(wasm: Uint8Array): WebAssembly.Module {
  const module = new WebAssembly.Module(Uint8Array.from(wasm));
  const isMetered = WebAssembly.Module.exports(module).some(({ name }) => name === fuelExport);
  return isMetered ? module : new WebAssembly.Module(metered(wasm));
}

/** @throws when the bytes or the module are no policy */
export function loadRegoModule(wasm: Uint8Array | WebAssembly.Module): RegoModule {
  const host = new RegoHost(wasm instanceof WebAssembly.Module ? wasm : regoModule(wasm));
  const entrypoint = (decision: DecisionName) => host.entrypoints[`orchestration/${decision}`];
  return {
    rules: Object.fromEntries(
      decisionNames.map((decision) => [decision, entrypoint(decision) !== undefined]),
    ),
    evaluate(decision, input, fuel) {
      const rule = entrypoint(decision);
      return rule === undefined ? undefined : host.evaluate(rule, input, fuel);
    },
  };
}
