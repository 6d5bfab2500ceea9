import { gunzipSync, gzipSync } from 'node:zlib';
import { z } from 'zod';
import { tenantPolicySchema } from '../contract/policy';
import { type Bundle, canonicalDigest, decisionNames, type DecisionRules, type RegoSource } from './bundle';
import { fixtureSchema, type FixtureText } from './fixtures';
import { broughtUp, currentShape } from './policy-shapes';

/** What a bundle holds beside its static fields: the rules, and the tests and fixtures, which change no decision. */
export interface RegoTexts {
  readonly sources: readonly RegoSource[];
  readonly tests: readonly RegoSource[];
  readonly fixtures: readonly FixtureText[];
}

/** A bundle with the texts that it was made from. */
export interface BundleDocument extends RegoTexts {
  readonly bundle: Bundle;
  /** In which the static fields were written. */
  readonly shape: number;
}

const sourceSchema = z.array(z.strictObject({ path: z.string(), text: z.string() }));
const storedSchema = z.object({
  /** The first documents were of shape 1 without saying so. */
  shape: z.int().positive().default(1),
  policy: z.record(z.string(), z.unknown()),
  digest: z.string(),
  wasm: z.base64().nullable(),
  rules: z.record(z.string(), z.boolean()),
  /** Absent in documents that were written before texts were kept. */
  sources: sourceSchema.optional(),
  tests: sourceSchema.optional(),
  /** They change no decision, so what cannot be read of them hinders none. */
  fixtures: z.array(fixtureSchema).catch([]),
});

/** One self-contained value for a store that keeps bundles by digest. */
export function writeDocument(bundle: Bundle, { sources, tests, fixtures: given }: RegoTexts): Buffer {
  const wasm = bundle.wasm && Buffer.from(bundle.wasm).toString('base64');
  const fixtures = given.map(({ name, decision, input, expect }) => ({ name, decision, input, expect }));
  return gzipSync(JSON.stringify({ shape: currentShape, ...bundle, wasm, sources, tests, fixtures }));
}

/**
 * The bundle in its current shape, under the digest that it has always had.
 * @throws when the bytes are not those of {@link writeDocument}, or not of that digest any more
 */
export function readDocument(bytes: Uint8Array): BundleDocument {
  const stored = storedSchema.parse(JSON.parse(gunzipSync(bytes).toString('utf8')));
  const { shape, digest, wasm, sources, tests = [], fixtures } = stored;
  if (sources && canonicalDigest(digested(stored.policy, sources)) !== digest) {
    throw new Error(`the policy document ${digest} does not hold what it was stored with`);
  }
  const rules = decisionNames.map((name) => [name, stored.rules[name] ?? false]);
  return {
    shape,
    sources: sources ?? [],
    tests,
    fixtures,
    bundle: {
      policy: tenantPolicySchema.parse(broughtUp(stored.policy, shape)),
      digest,
      wasm: wasm === null ? null : new Uint8Array(Buffer.from(wasm, 'base64')),
      rules: Object.fromEntries(rules) as DecisionRules,
    },
  };
}

/** What a bundle's digest is of. */
function digested(policy: object, sources: readonly RegoSource[]): object {
  return { policy, rego: Object.fromEntries(sources.map(({ path, text }) => [path, text])) };
}
