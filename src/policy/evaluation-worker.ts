import type { DecisionName } from './bundle';
import { loadRegoModule } from './rego-module';

export interface EvaluationTask {
  readonly module: WebAssembly.Module;
  readonly decision: DecisionName;
  /** JSON. */
  readonly input: Uint8Array;
  /** Where the thread writes down when it began, in epoch ms. */
  readonly begun: BigInt64Array;
}

/** More than a thread could use up before it is ended. */
const endlessFuel = 2 ** 31 - 1;

/** What the evaluation pool calls in its threads: every evaluation starts from a module's first state. */
export function evaluate({ module, decision, input, begun }: EvaluationTask): unknown {
  Atomics.store(begun, 0, BigInt(Date.now()));
  return loadRegoModule(module).evaluate(decision, input, endlessFuel);
}
