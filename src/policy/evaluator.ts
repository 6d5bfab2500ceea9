import { createHash, randomUUID } from 'node:crypto';
import { isNativeError } from 'node:util/types';
import { LRUCache } from 'lru-cache';
import type { z } from 'zod';
import {
  type ContentRouting,
  type ContentRoutingInput,
  contentRoutingSchema,
} from '../contract/content-routing';
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
import type { LoggedDecision } from '../contract/decision-log';
import { type FailureDecision, failureDecisionSchema, type FailureInput } from '../contract/failure-decision';
import type { Bundle, DecisionName } from './bundle';
import type { Decision, DecisionFailure } from './decision';
import { conflictFault, failureFault, routingFault, selectionFault } from './decision-faults';
import { createEvaluationPool, type EvaluationPool, NoThreadError, SlowPolicyError } from './evaluation-pool';
import { OutOfFuelError } from './rego-host';
import { loadRegoModule, regoModule, type RegoModule } from './rego-module';
import { presentableText, withPresentableRemarks } from './remarks';
import { RuleStates } from './rule-states';

/** Asks bundles for decisions (spec/orchestration.md 9.3) on behalf of a request. */
export interface PolicyEvaluator {
  select(bundle: Bundle, input: SelectionInput, requestId: string): Promise<Decision<SelectionDecision>>;
  route(bundle: Bundle, input: ContentRoutingInput, requestId: string): Promise<Decision<ContentRouting>>;
  cover(bundle: Bundle, input: CoverageInput, requestId: string): Promise<Decision<CoverageDecision>>;
  resolve(bundle: Bundle, input: ConflictInput, requestId: string): Promise<Decision<ConflictDecision>>;
  judgeFailures(bundle: Bundle, input: FailureInput, requestId: string): Promise<Decision<FailureDecision>>;
  close(): Promise<void>;
}

export interface PolicyEvaluatorOptions {
  /** Milliseconds that a decision may take (`opa_decision_timeout_ms`). Default 250. */
  readonly timeoutMs?: number;
  /** Bundles whose modules stay in memory, at most 16 MiB each. Default 100. */
  readonly maxLoaded?: number;
  /** Whether a rule that fails again and again is not asked for a while. Default true. */
  readonly skipsFailing?: boolean;
  /** A monotonic clock in milliseconds. */
  readonly now?: () => number;
  /** Is told every decision that was asked for. */
  readonly log?: (decision: LoggedDecision) => void;
  /** Brings a bundle's rules into memory; tests put faults here. */
  readonly load?: (module: WebAssembly.Module) => RegoModule;
  readonly compile?: (wasm: Uint8Array) => WebAssembly.Module;
  readonly pool?: EvaluationPool;
}

/** About two milliseconds of the event loop; a decision over twenty detectors takes a fiftieth of it. */
const fuelInProcess = 1_000_000;
/** Faults that a detail names. */
const maxFaults = 10;

interface LoadedBundle {
  readonly compiled: WebAssembly.Module;
  /** Null until first asked and after a trap. */
  instance: RegoModule | null;
}

/**
 * Asks bundles for decisions: in process as long as that takes a moment, else in a thread that can be ended (ADR 15). A
 * module sees one input, which carries its own tenant's policy, and keeps nothing from one decision to the next. A rule
 * that fails is counted for its own bundle only.
 */
export function createPolicyEvaluator(options: PolicyEvaluatorOptions = {}): PolicyEvaluator {
  const { timeoutMs = 250, maxLoaded = 100, now = () => performance.now() } = options;
  const { load = loadRegoModule, compile = regoModule, log = () => undefined } = options;
  const pool = options.pool ?? createEvaluationPool({ timeoutMs });
  const loaded = new LRUCache<string, LoadedBundle>({ max: maxLoaded });
  const states = new RuleStates(now, options.skipsFailing);

  function loadedBundle({ digest, wasm }: Bundle): LoadedBundle {
    const known = loaded.get(digest);
    if (known) return known;
    const fresh: LoadedBundle = { compiled: compile(wasm!), instance: null };
    loaded.set(digest, fresh);
    return fresh;
  }

  /** @throws what the policy traps with, SlowPolicyError, NoThreadError */
  async function evaluated(bundle: Bundle, name: DecisionName, input: Uint8Array): Promise<unknown> {
    const entry = loadedBundle(bundle);
    const state = states.of(bundle.digest, name);
    if (!state.isHeavy) {
      try {
        entry.instance ??= load(entry.compiled);
        return entry.instance.evaluate(name, input, fuelInProcess);
      } catch (error) {
        entry.instance = null;
        if (!(error instanceof OutOfFuelError)) throw error;
        state.heavy();
      }
    }
    return pool.evaluate(bundle.policy.tenant_id, entry.compiled, name, input);
  }

  async function decide<S extends z.ZodType<object>>(
    bundle: Bundle,
    name: DecisionName,
    input: object,
    schema: S,
    faultOf: (decision: z.output<S>) => string | null,
    requestId: string,
  ): Promise<Decision<z.output<S>>> {
    if (!bundle.wasm || !bundle.rules[name]) return { kind: 'no_rule' };
    const startedAt = now();
    const json = Buffer.from(JSON.stringify(input));
    const decision = await answer(bundle, name, json, schema, faultOf);
    log({
      decision_id: randomUUID(),
      request_id: requestId,
      tenant_id: bundle.policy.tenant_id,
      policy_bundle: bundle.policy.policy_bundle,
      policy_version: bundle.policy.version,
      policy_digest: bundle.digest,
      decision: name,
      input_digest: createHash('sha256').update(json).digest('hex'),
      ...(decision.kind === 'decision'
        ? { outcome: 'decision', result: decision.value as LoggedDecision['result'], detail: null }
        : { outcome: decision.reason, result: null, detail: decision.detail }),
      duration_ms: now() - startedAt,
      timestamp: new Date().toISOString(),
    });
    return decision;
  }

  async function answer<S extends z.ZodType<object>>(
    bundle: Bundle,
    name: DecisionName,
    json: Uint8Array,
    schema: S,
    faultOf: (decision: z.output<S>) => string | null,
  ): Promise<Exclude<Decision<z.output<S>>, { kind: 'no_rule' }>> {
    const state = states.of(bundle.digest, name);
    if (state.isSkipped) return failed('unavailable', 'skipped after failures in a row');
    let raw: unknown;
    try {
      raw = await evaluated(bundle, name, json);
    } catch (error) {
      if (error instanceof NoThreadError) return failed('unavailable', error.message);
      state.failed();
      const slow = error instanceof SlowPolicyError || error instanceof OutOfFuelError;
      return failed(slow ? 'slow' : 'trap', isNativeError(error) ? error.message : String(error));
    }
    state.succeeded();
    if (raw === undefined) return failed('invalid', 'the rule is undefined for this input');
    const parsed = schema.safeParse(raw);
    if (!parsed.success) return failed('invalid', describe(parsed.error));
    const fault = faultOf(parsed.data);
    if (fault !== null) return failed('invalid', fault);
    return { kind: 'decision', value: withPresentableRemarks(parsed.data), raw };
  }

  return {
    select: (bundle, input, requestId) =>
      decide(
        bundle,
        'selection',
        input,
        selectionDecisionSchema,
        (made) => selectionFault(made, input),
        requestId,
      ),
    route: (bundle, input, requestId) =>
      decide(bundle, 'routing', input, contentRoutingSchema, (made) => routingFault(made, input), requestId),
    cover: (bundle, input, requestId) =>
      decide(bundle, 'coverage', input, coverageDecisionSchema, () => null, requestId),
    resolve: (bundle, input, requestId) =>
      decide(
        bundle,
        'conflict',
        input,
        conflictDecisionSchema,
        (made) => conflictFault(made, input),
        requestId,
      ),
    judgeFailures: (bundle, input, requestId) =>
      decide(bundle, 'failure', input, failureDecisionSchema, (made) => failureFault(made, input), requestId),
    close: () => pool.close(),
  };
}

type Failed = Extract<Decision<never>, { kind: 'failed' }>;

function failed(reason: DecisionFailure, detail: string): Failed {
  return { kind: 'failed', reason, detail: presentableText(detail) };
}

/** Names the place and the expected type, not the value. */
function describe(error: z.core.$ZodError): string {
  return error.issues
    .slice(0, maxFaults)
    .map(({ path, code }) => `${path.join('.') || 'the decision'}: ${code}`)
    .join('; ');
}
