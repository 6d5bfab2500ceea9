import { createHash } from 'node:crypto';
import { type PolicyDecision, policyDecisions } from '../contract/decision-log';
import type { TenantPolicy } from '../contract/policy';

/** The decisions a bundle's Rego may take, by the data path `orchestration/<name>` (spec/orchestration.md 9.3). */
export const decisionNames = policyDecisions;
export type DecisionName = PolicyDecision;

/** Which of the decisions a bundle's Rego defines; the static fields take the others. What is absent it does not define. */
export type DecisionRules = Readonly<Partial<Record<DecisionName, boolean>>>;

export const noRules: DecisionRules = {
  selection: false,
  routing: false,
  coverage: false,
  conflict: false,
  failure: false,
};

/** Whose bundle, and its name. */
export interface BundleName {
  readonly tenant_id: string;
  readonly policy_bundle: string;
}

/** A Rego source file; `path` is relative to the bundle's folder, with forward slashes. */
export interface RegoSource {
  readonly path: string;
  readonly text: string;
}

/** Tests change no decision. */
export function isRegoTest(path: string): boolean {
  return path.endsWith('_test.rego');
}

/** A tenant's policy, ready to decide. Immutable: another text is another digest. */
export interface Bundle {
  readonly policy: TenantPolicy;
  /** SHA-256 in hex over the static fields and the Rego sources, tests left out. */
  readonly digest: string;
  /** All rules in one module; null for a bundle without Rego. */
  readonly wasm: Uint8Array | null;
  readonly rules: DecisionRules;
}

/** SHA-256 in hex of any JSON value, whatever the order of its keys. */
export function canonicalDigest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value, sortedKeys)).digest('hex');
}

/** For JSON.stringify: one text whatever the order of the keys. */
export function sortedKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function bundleDigest(policy: TenantPolicy, sources: readonly RegoSource[]): string {
  return canonicalDigest({ policy, rego: Object.fromEntries(sources.map(({ path, text }) => [path, text])) });
}
