import type { decisionOutcomes } from '../contract/decision-log';

/** Why a rule's answer is not used. */
export type DecisionFailure = Exclude<(typeof decisionOutcomes)[number], 'decision'>;

/**
 * What became of asking a bundle's Rego. Anything but `decision` leaves it to the static fields; only `failed` is a
 * fallback that the answer must mark.
 */
export type Decision<T> =
  | { readonly kind: 'decision'; readonly value: T; readonly raw: unknown }
  | { readonly kind: 'no_rule' }
  | {
      readonly kind: 'failed';
      readonly reason: DecisionFailure;
      /** For operators; holds names from the policy, never input. */
      readonly detail: string;
    };

/** The rule answered, and its answer cannot be used. */
export function isInvalid(decision: Decision<unknown>): boolean {
  return decision.kind === 'failed' && decision.reason === 'invalid';
}

export function valueOf<T>(decision: Decision<T>): T | null {
  return decision.kind === 'decision' ? decision.value : null;
}
