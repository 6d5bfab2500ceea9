import { noRules } from '../../../src/policy/bundle';
import type { BundleDocument } from '../../../src/policy/bundle-document';
import { differences } from '../../../src/policy/policy-diff';
import { samplePolicy } from './samples';

const documentWith = (rego: Readonly<Record<string, string>>): BundleDocument => ({
  bundle: { policy: samplePolicy(), digest: 'd', wasm: null, rules: noRules },
  sources: Object.entries(rego).map(([path, text]) => ({ path, text })),
  tests: [],
  shape: 2,
});
const lines = (count: number, word: string) =>
  Array.from({ length: count }, (_, n) => `${word} ${n}\n`).join('');

describe('what one version says differently from another', () => {
  it('is a unified diff of each text that has changed', () => {
    const before = documentWith({ 'a.rego': 'package a\n', 'b.rego': 'package b\n' });
    const after = documentWith({ 'a.rego': 'package a\n', 'b.rego': 'package b\n\nx := 1\n' });
    const { rego } = differences(before, after);
    expect(Object.keys(rego)).toEqual(['b.rego']);
    expect(rego['b.rego']).toContain('+x := 1');
  });

  it('is not shown of texts that are too different to compare in time', () => {
    const texts = (word: string) =>
      Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`${n}.rego`, lines(50_000, word)]));
    const { rego } = differences(documentWith(texts('old')), documentWith(texts('young')));
    expect(Object.keys(rego)).toHaveLength(20);
    for (const [path, shown] of Object.entries(rego)) {
      expect(shown).toBe(`--- ${path}\n+++ ${path}\n(too different to show)\n`);
    }
  });

  it('is shown up to a length', () => {
    const long = 'x'.repeat(400_000);
    const texts = Object.fromEntries([1, 2, 3, 4].map((n) => [`${n}.rego`, `${long}\n`]));
    const { rego } = differences(documentWith({}), documentWith(texts));
    const shown = Object.values(rego).map((text) => text.includes(long));
    expect(shown).toEqual([true, true, false, false]);
  });
});
