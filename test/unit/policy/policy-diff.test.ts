import type { TenantPolicy } from '../../../src/contract/policy';
import { differences } from '../../../src/policy/policy-diff';
import { samplePolicy } from './samples';

const documentWith = (rego: Readonly<Record<string, string>>, fields: Partial<TenantPolicy> = {}) => ({
  policy: samplePolicy(fields),
  sources: Object.entries(rego).map(([path, text]) => ({ path, text })),
  tests: [],
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

  it('is each field with what it means, whatever the order of what is a set', () => {
    const before = documentWith({}, { required_detectors: ['a', 'b'], priority_weights: { a: 1 } });
    const after = documentWith(
      {},
      { required_detectors: ['b', 'a', 'c'], conflict_resolution: 'most_restrictive' },
    );
    expect(differences(before, after).fields).toEqual([
      { path: 'conflict_resolution', before: null, after: 'most_restrictive', tendency: 'stricter' },
      { path: 'priority_weights.a', before: 1, after: null, tendency: null },
      { path: 'required_detectors', before: ['a', 'b'], after: ['a', 'b', 'c'], tendency: 'stricter' },
    ]);
    const reordered = documentWith({}, { required_detectors: ['b', 'a'], priority_weights: { a: 1 } });
    expect(differences(before, reordered)).toEqual({ fields: [], rego: {} });
    const less = documentWith({}, { required_detectors: ['a'], priority_weights: { a: 1 } });
    expect(differences(before, less).fields).toMatchObject([{ tendency: 'looser' }]);
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
