import { performance } from 'node:perf_hooks';
import { LRUCache } from 'lru-cache';
import type { z } from 'zod';
import {
  type ConflictDecision,
  conflictDecisionSchema,
  type ConflictInput,
  type CoverageDecision,
  coverageDecisionSchema,
  type CoverageInput,
  type SelectionDecision,
  selectionDecisionSchema,
  type SelectionInput,
} from '../contract/decisions';
import { decisionFault } from '../domain/select';
import type { Bundle, DecisionName } from './bundle';
import { loadRegoModule, type RegoModule } from './rego-module';
import { withPresentableRemarks } from './remarks';

/**
 * What became of asking a bundle's Rego. Anything but `decision` leaves it to the static fields; only `failed` is a
 * fallback that the answer must mark.
 */
export type Decision<T> =
  | { readonly kind: 'decision'; readonly value: T; readonly raw: unknown }
  | { readonly kind: 'no_rule' }
  | {
      readonly kind: 'failed';
      /** `trap`: the policy threw; `slow`: over the limit; `invalid`: no usable value; `unavailable`: not asked. */
      readonly reason: 'trap' | 'slow' | 'invalid' | 'unavailable';
      /** For operators; holds names from the policy, never input. */
      readonly detail: string;
    };

export interface PolicyEvaluator {
  select(bundle: Bundle, input: SelectionInput): Decision<SelectionDecision>;
  cover(bundle: Bundle, input: CoverageInput): Decision<CoverageDecision>;
  resolve(bundle: Bundle, input: ConflictInput): Decision<ConflictDecision>;
}

export interface PolicyEvaluatorOptions {
  /** Milliseconds that a decision may take (`opa_decision_timeout_ms`). Default 250. */
  readonly timeoutMs?: number;
  /** Bundles whose modules stay in memory, at most 16 MiB each. Default 100. */
  readonly maxLoaded?: number;
  /** A monotonic clock in milliseconds. */
  readonly now?: () => number;
  /** Brings a bundle's rules into memory; tests put faults here. */
  readonly load?: (wasm: Uint8Array) => RegoModule;
}

/** After so many traps or overruns in a row a bundle's rule is not asked for a while (spec/orchestration.md 9.3). */
const failuresToSkip = 3;
const skipMs = 10_000;
const maxDetailLength = 200;

interface RuleState {
  failuresInRow: number;
  skipUntil: number;
}

interface LoadedBundle {
  /** Null until first asked and after a trap. */
  module: RegoModule | null;
  readonly states: Record<DecisionName, RuleState>;
}

/**
 * Asks bundles for decisions, in process and synchronously. A module sees one input, which carries its own tenant's
 * policy, and keeps nothing from one decision to the next. A rule that fails is counted for its own bundle only.
 */
export function createPolicyEvaluator(options: PolicyEvaluatorOptions = {}): PolicyEvaluator {
  const { timeoutMs = 250, maxLoaded = 100, now = () => performance.now(), load = loadRegoModule } = options;
  const loaded = new LRUCache<string, LoadedBundle>({ max: maxLoaded });

  function loadedBundle({ digest }: Bundle): LoadedBundle {
    const known = loaded.get(digest);
    if (known) return known;
    const state = (): RuleState => ({ failuresInRow: 0, skipUntil: -Infinity });
    const fresh: LoadedBundle = {
      module: null,
      states: { selection: state(), coverage: state(), conflict: state() },
    };
    loaded.set(digest, fresh);
    return fresh;
  }

  function decide<S extends z.ZodType<object>>(
    bundle: Bundle,
    name: DecisionName,
    input: object,
    schema: S,
    faultOf: (decision: z.output<S>) => string | null,
  ): Decision<z.output<S>> {
    if (!bundle.wasm || !bundle.rules[name]) return { kind: 'no_rule' };
    const entry = loadedBundle(bundle);
    const state = entry.states[name];
    if (now() < state.skipUntil)
      return failed('unavailable', `skipped after ${failuresToSkip} failures in a row`);

    const countFailure = () => {
      state.failuresInRow += 1;
      if (state.failuresInRow >= failuresToSkip) state.skipUntil = now() + skipMs;
    };
    let raw: unknown;
    try {
      entry.module ??= load(bundle.wasm);
      const startedAt = now();
      raw = entry.module.evaluate(name, input);
      const tookMs = now() - startedAt;
      if (tookMs > timeoutMs) {
        countFailure();
        return failed('slow', `took ${Math.round(tookMs)} ms`);
      }
    } catch (thrown) {
      entry.module = null;
      countFailure();
      return failed('trap', thrown instanceof Error ? thrown.message : String(thrown));
    }
    state.failuresInRow = 0;
    if (raw === undefined) return failed('invalid', 'the rule is undefined for this input');
    const parsed = schema.safeParse(raw);
    if (!parsed.success) return failed('invalid', describe(parsed.error));
    const fault = faultOf(parsed.data);
    if (fault !== null) return failed('invalid', fault);
    return { kind: 'decision', value: withPresentableRemarks(parsed.data), raw };
  }

  return {
    select: (bundle, input) =>
      decide(bundle, 'selection', input, selectionDecisionSchema, (decision) =>
        selectionFault(decision, input),
      ),
    cover: (bundle, input) => decide(bundle, 'coverage', input, coverageDecisionSchema, () => null),
    resolve: (bundle, input) =>
      decide(bundle, 'conflict', input, conflictDecisionSchema, (decision) => conflictFault(decision, input)),
  };
}

/** Names the plan does not hold, or weights that do not sum to 1 (spec/orchestration.md 9.3, Invalid decision). */
function selectionFault(decision: SelectionDecision, input: SelectionInput): string | null {
  const shown = [...input.candidate_detectors.map(({ name }) => name), ...input.required_detectors];
  return decisionFault(decision, shown, input.policy);
}

function conflictFault(
  { winning_detector: preferred }: ConflictDecision,
  input: ConflictInput,
): string | null {
  const planned = [...Object.keys(input.weights), ...input.detector_outputs.map(({ detector }) => detector)];
  return preferred === undefined || planned.includes(preferred) ? null : 'prefers an unknown detector';
}

function failed(reason: 'trap' | 'slow' | 'invalid' | 'unavailable', detail: string): Decision<never> {
  return { kind: 'failed', reason, detail: detail.slice(0, maxDetailLength) };
}

/** Names the place and the expected type, not the value. */
function describe(error: z.core.$ZodError): string {
  return error.issues.map(({ path, code }) => `${path.join('.') || 'the decision'}: ${code}`).join('; ');
}
