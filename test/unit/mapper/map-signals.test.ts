import fc from 'fast-check';
import { mappingResponseSchema } from '../../../src/contract/payload';
import { MapperError } from '../../../src/mapper/errors';
import { mapSignals, traceMapping } from '../../../src/mapper/map-signals';
import { collectSignals } from '../../../src/mapper/signals';
import { knowledge, mapRequest } from './samples';

function scoresOf(...parts: Parameters<typeof mapRequest>) {
  return mapSignals(mapRequest(...parts), knowledge()).scores;
}

describe('signals', () => {
  it('come from the provenance, then from tokens that no entry has', () => {
    const payload = mapRequest({
      output: 'TOXIC|email|email|ssn',
      metadata: {
        provenance: [
          { detector: 'a', output: 'toxic|hate', confidence: 0.9 },
          { detector: 'b', output: 'ssn' },
          { detector: 'c' },
        ],
        normalized_scores: { ssn: 0.4, email: 0.3, toxic: 0.1 },
      },
    });
    expect(collectSignals(payload)).toEqual([
      { detector: 'a', label: 'toxic', confidence: 0.9 },
      { detector: 'a', label: 'hate', confidence: 0.9 },
      { detector: 'b', label: 'ssn', confidence: 0.4 },
      { detector: 'orchestrated-multi', label: 'email', confidence: 0.3 },
    ]);
  });

  it('are sure without a confidence or a hint, and take no hint from a prototype', () => {
    const payload = mapRequest({ output: 'toString', metadata: { normalized_scores: {} } });
    expect(collectSignals(payload)).toEqual([
      { detector: 'orchestrated-multi', label: 'toString', confidence: 1 },
    ]);
  });

  it('beyond a hundred are refused', () => {
    const labels = (count: number) => Array.from({ length: count }, (_, index) => `l${index}`).join('|');
    expect(collectSignals(mapRequest({ output: labels(100) }))).toHaveLength(100);
    expect(() => collectSignals(mapRequest({ output: labels(101) }))).toThrow(MapperError);
  });
});

describe('a mapping', () => {
  it('multiplies strength and confidence and keeps the best of a category', () => {
    const provenance = [
      { detector: 'deberta-toxicity', output: 'toxic', confidence: 0.5 },
      { detector: 'unheard-of', output: 'toxic', confidence: 0.9 },
      { detector: 'presidio', output: 'EMAIL_ADDRESS', confidence: 0.33333 },
    ];
    expect(scoresOf({ output: 'toxic|EMAIL_ADDRESS', metadata: { provenance } })).toEqual({
      'HARM.SPEECH.Toxicity': 0.585,
      'PII.Contact.Email': 0.2667,
    });
  });

  it('answers in the shape of the contract, with the versions it used', () => {
    const answer = mapSignals(
      mapRequest({ detector: 'presidio', output: 'US_SSN' }),
      knowledge(),
      'kill_switch',
    );
    expect(answer).toEqual({
      taxonomy: ['PII.Identifier.SSN'],
      scores: { 'PII.Identifier.SSN': 0.8 },
      confidence: 0.8,
      notes: 'route=rules;reason=kill_switch;signals=1;unmapped=0;versions:tax=3.0.0;fw=2.0.0;model=none',
      provenance: {
        vendor: 'microsoft',
        detector: 'presidio',
        detector_version: '2.0.0',
        route: 'rules',
        model: 'none',
        tenant_id: 'demo',
      },
      version_info: { taxonomy: '3.0.0', frameworks: '2.0.0', model: 'none' },
    });
  });

  it.each([
    ['a benign category beside another', 'clean|toxic', ['HARM.SPEECH.Toxicity']],
    ['a reserved category beside another', 'whatever|toxic', ['HARM.SPEECH.Toxicity']],
    ['a reserved category beside a benign one', 'whatever|clean', ['OTHER.Safe']],
  ])('drops %s', (_what, output, taxonomy) => {
    expect(mapSignals(mapRequest({ output }), knowledge()).taxonomy).toEqual(taxonomy);
  });

  it('keeps two benign categories beside each other', () => {
    expect(Object.keys(scoresOf({ output: 'clean|minimal_risk' }))).toEqual(['OTHER.Safe', 'OTHER.LowRisk']);
  });

  it.each([
    ['an unmapped label', 'whatever', 'OTHER.Unknown', ['orchestrated-multi']],
    ['a malformed label', 'to\u0007xic', 'OTHER.ModelError', []],
    ['a payload that reports nothing', 'none', 'OTHER.Unknown', []],
  ])('of %s is a template at 0', (_what, output, category, unmapped) => {
    const traced = traceMapping(mapRequest({ output }), knowledge());
    expect(traced.unmapped).toEqual(unmapped);
    expect(traced.response).toMatchObject({
      taxonomy: [category],
      scores: { [category]: 0 },
      confidence: 0,
      provenance: { route: 'template' },
    });
    expect(traced.response.notes).toMatch(/^route=template;reason=model_unavailable;/);
  });

  it('sorts by score, then by name', () => {
    const { taxonomy } = mapSignals(mapRequest({ output: 'made_up|violence|toxic' }), knowledge());
    expect(taxonomy).toEqual(['HARM.SPEECH.Toxicity', 'HARM.VIOLENCE.Physical', 'OTHER.Hallucination']);
  });
});

it('leads every label of every detector file to its category', () => {
  const { detectors } = knowledge();
  const misled = detectors.flatMap(({ detector, labels }) =>
    labels.filter(({ label, category, confidence_cap: cap = 1 }) => {
      const { taxonomy, confidence } = mapSignals(mapRequest({ detector, output: label }), knowledge());
      return taxonomy.length !== 1 || taxonomy[0] !== category || confidence !== Math.min(0.8, cap);
    }),
  );
  expect(misled).toEqual([]);
});

describe('for any payload', () => {
  const { detectors, taxonomy } = knowledge();
  const label = fc.oneof(
    fc.constantFrom(...detectors.flatMap(({ labels }) => labels.map((entry) => entry.label))),
    fc.constantFrom(...taxonomy.categories.flatMap(({ aliases }) => aliases ?? [])),
    fc.constantFrom('none', '', 'not_toxic_at_all', 'user email found', '__proto__', 'constructor'),
    fc.string({ maxLength: 12 }),
  );
  const output = fc.array(label, { minLength: 1, maxLength: 8 }).map((labels) => labels.join('|'));
  const unit = fc.double({ min: 0, max: 1, noNaN: true });
  const provenance = fc.array(
    fc.record(
      {
        detector: fc.constantFrom('unheard-of', ...detectors.map(({ detector }) => detector)),
        output,
        confidence: unit,
      },
      { requiredKeys: ['detector'] },
    ),
    { maxLength: 8 },
  );
  const payload = fc.record({ output, provenance, hints: fc.dictionary(label, unit) }).map((given) =>
    mapRequest({
      output: given.output,
      metadata: { provenance: given.provenance, normalized_scores: given.hints },
    }),
  );

  it('the answer holds one to ten live categories with a score each, best first, and fits the contract', () => {
    fc.assert(
      fc.property(payload, (given) => {
        const answer = mapSignals(given, knowledge());
        expect(mappingResponseSchema.safeParse(answer).success).toBe(true);
        expect(answer.taxonomy.length).toBeLessThanOrEqual(10);
        expect(Object.keys(answer.scores)).toEqual(answer.taxonomy);
        expect(answer.taxonomy.every((id) => knowledge().categories.has(id))).toBe(true);
        const scores = answer.taxonomy.map((id) => answer.scores[id]!);
        expect(scores).toEqual(scores.toSorted((a, b) => b - a));
        expect(answer.confidence).toBe(scores[0]);
        expect(answer.notes!.length).toBeLessThanOrEqual(250);
      }),
      { seed: 11, numRuns: 500 },
    );
  });

  it('the order of provenance entries changes nothing', () => {
    const shuffled = payload.chain((given) =>
      fc
        .shuffledSubarray(given.metadata.provenance!, { minLength: given.metadata.provenance!.length })
        .map((entries) => ({
          given,
          other: { ...given, metadata: { ...given.metadata, provenance: entries } },
        })),
    );
    fc.assert(
      fc.property(shuffled, ({ given, other }) => {
        expect(mapSignals(other, knowledge())).toEqual(mapSignals(given, knowledge()));
      }),
      { seed: 12, numRuns: 500 },
    );
  });
});
