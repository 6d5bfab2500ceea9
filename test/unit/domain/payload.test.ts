import fc from 'fast-check';
import { mapperPayloadSchema, maxPayloadBytes } from '../../../src/contract/payload';
import { resolveConflict } from '../../../src/domain/conflict';
import { coverageOf } from '../../../src/domain/coverage';
import { AggregationError, buildPayload, utf8Length } from '../../../src/domain/payload';
import type { Plan } from '../../../src/contract/plan';
import type { DetectorResult } from '../../../src/contract/detector-result';
import { failure, finding, planOf, planned, requestId, runs, shuffledRuns, success } from './support';

function payloadOf(plan: Plan, results: readonly DetectorResult[]) {
  const conflict = resolveConflict(plan, results, null);
  return buildPayload({ plan, requestId, results, coverage: coverageOf(plan, results), conflict });
}

const weightedPlan = (weights: Record<string, number>) =>
  planOf(
    Object.entries(weights).map(([name, coverage_weight]) => planned(name, { coverage_weight })),
    {
      coverage: {
        method: 'weighted_coverage',
        required_detectors: [],
        weights,
        required_categories: [],
        threshold: 0.8,
      },
    },
  );

describe('buildPayload', () => {
  it('hands over what the detectors said, in plan order', () => {
    const plan = planOf([planned('a'), planned('b'), planned('c'), planned('d')]);
    const results = [
      failure('d', 'http_5xx'),
      success('c', 'toxic', 0.7),
      success('b', 'hate', null),
      success('a', ' toxic ', 0.6),
    ];
    const payload = payloadOf(plan, results);
    expect(mapperPayloadSchema.parse(payload)).toEqual(payload);
    expect(payload).toMatchObject({
      detector: 'orchestrated-multi',
      output: 'toxic|hate',
      tenant_id: 'acme',
      metadata: {
        contributing_detectors: ['a', 'b', 'c'],
        normalized_scores: { toxic: 0.65, hate: 0 },
        conflict_resolution_applied: true,
        aggregation_method: 'weighted_average',
        coverage_achieved: 0.75,
        coverage_method: 'required_set',
        request_id: requestId,
        policy: { bundle: 'default', version: '1.2' },
        version_info: plan.version_info,
      },
    });
    expect(payload.metadata.provenance).toEqual([
      { detector: 'a', confidence: 0.6, output: 'toxic', processing_time_ms: 12 },
      { detector: 'b', output: 'hate', processing_time_ms: 12 },
      { detector: 'c', confidence: 0.7, output: 'toxic', processing_time_ms: 12 },
    ]);
    expect(payload.metadata.conflict_resolution).not.toHaveProperty('winning_result');
  });

  it('reports highest_confidence and no resolution where nothing was in conflict', () => {
    const { metadata, output } = payloadOf(planOf([planned('a')]), [success('a', 'toxic')]);
    expect(output).toBe('toxic');
    expect(metadata).toMatchObject({
      conflict_resolution_applied: false,
      aggregation_method: 'highest_confidence',
    });
    expect(metadata).not.toHaveProperty('conflict_resolution');
  });

  it('reports tenant_preference as the default of the content type', () => {
    const plan = planOf([planned('a'), planned('b')], {
      content_type: 'code',
      conflict: { strategy: 'tenant_preference', decided_by: 'bundle', benign_labels: [] },
    });
    const { metadata } = payloadOf(plan, [success('a', 'x'), success('b', 'y')]);
    expect(metadata.aggregation_method).toBe('majority_vote');
    expect(metadata.conflict_resolution?.strategy_used).toBe('tenant_preference');
  });

  it('says none when the successes said nothing', () => {
    expect(payloadOf(planOf([planned('a')]), [success('a', '  ')])).toMatchObject({
      output: 'none',
      metadata: { contributing_detectors: ['a'], normalized_scores: {} },
    });
  });
});

describe('normalized_scores', () => {
  it('weighs by coverage weight under weighted coverage', () => {
    const results = [success('a', 'toxic', 0.5), success('b', 'toxic', 1)];
    expect(payloadOf(weightedPlan({ a: 0.8, b: 0.2 }), results).metadata.normalized_scores).toEqual({
      toxic: 0.6,
    });
  });

  it('weighs by priority weight otherwise', () => {
    const plan = planOf([planned('a', { priority_weight: 3 }), planned('b')]);
    const results = [success('a', 'toxic', 0.5), success('b', 'toxic', 0.9)];
    expect(payloadOf(plan, results).metadata.normalized_scores).toEqual({ toxic: 0.6 });
  });

  it('adds the labels found beside the output; on a clash the higher stays', () => {
    const plan = planOf([planned('a'), planned('b')]);
    const results = [
      success('a', 'ssn', 0.9, {
        findings: [finding('ssn', 0.9), finding('email', 0.4), finding('email', 0.8)],
      }),
      success('b', 'email', 0.6, { findings: [finding('email', 0.6), finding('ssn', 0.3)] }),
    ];
    expect(payloadOf(plan, results).metadata.normalized_scores).toEqual({ ssn: 0.9, email: 0.8 });
  });

  it('keeps the hundred highest', () => {
    const findings = Array.from({ length: 100 }, (_, i) => finding(`label${i}`, (i + 1) / 200));
    const results = [success('a', 'toxic', 0.9, { findings }), success('b', 'hate', 0.8)];
    const scores = payloadOf(planOf([planned('a'), planned('b')]), results).metadata.normalized_scores;
    expect(Object.keys(scores)).toHaveLength(100);
    expect(scores).toMatchObject({ toxic: 0.9, hate: 0.8, label99: 0.5 });
    expect(scores).not.toHaveProperty('label0');
    expect(scores).not.toHaveProperty('label1');
  });

  it('keeps labels named like members of Object as data, also on the wire', () => {
    const payload = payloadOf(planOf([planned('a'), planned('b')]), [
      success('a', '__proto__', 0.7),
      success('b', 'toString', 0.6),
    ]);
    expect(JSON.stringify(payload.metadata.normalized_scores)).toBe('{"__proto__":0.7,"toString":0.6}');
  });

  it('has at most six decimals', () => {
    const plan = planOf([planned('a'), planned('b'), planned('c')]);
    const results = [success('a', 'x', 0.1), success('b', 'x', 0.1), success('c', 'x', 0.3)];
    expect(payloadOf(plan, results).metadata.normalized_scores).toEqual({ x: 0.166667 });
    expect(payloadOf(plan, results.slice(0, 1)).metadata.coverage_achieved).toBe(0.333333);
  });
});

describe('the bound of 64 KiB', () => {
  /** Successes of `count` detectors, each with an output of its own of so many ASCII characters. */
  const large = (count: number, length: number) => {
    const names = Array.from({ length: count }, (_, i) => `d${String(i).padStart(3, '0')}`);
    const plan = planOf(names.map((name) => planned(name)));
    const results = names.map((name) => success(name, name.padEnd(length, 'x')));
    return { results, payload: () => payloadOf(plan, results) };
  };
  const bytes = (payload: unknown) => Buffer.byteLength(JSON.stringify(payload));

  it('is the one of the contract', () => {
    const { payload } = large(1, 10);
    expect(maxPayloadBytes).toBe(65_536);
    expect(bytes(payload())).toBeLessThan(maxPayloadBytes);
  });

  it('first takes the additive keys, all at once', () => {
    // Each output stands three times: in the output, the scores and the provenance.
    const { results, payload } = large(21, 1000);
    const { metadata, output } = payload();
    expect(metadata.conflict_resolution_applied).toBe(true);
    for (const key of ['conflict_resolution', 'coverage_method', 'request_id', 'policy', 'version_info']) {
      expect(metadata).not.toHaveProperty(key);
    }
    expect(metadata.provenance.map(({ output: kept }) => kept)).toEqual(
      results.map((result) => result.output),
    );
    expect(output.split('|')).toEqual(results.map((result) => result.output));
  });

  it('then the outputs of the provenance, and never a distinct output', () => {
    const { results, payload } = large(30, 1000);
    const { metadata, output } = payload();
    expect(bytes(payload())).toBeLessThanOrEqual(maxPayloadBytes);
    expect(metadata.provenance).toHaveLength(30);
    expect(metadata.provenance.every((entry) => !('output' in entry) && entry.confidence === 0.9)).toBe(true);
    expect(output.split('|')).toEqual(results.map((result) => result.output));
  });

  it('then gives up with the canonical code and without content in the message', () => {
    const { payload } = large(40, 1024);
    expect(payload).toThrow(AggregationError);
    expect(payload).toThrow(expect.objectContaining({ code: 'AGGREGATION_FAILED', status: 500 }));
    expect(payload).toThrow(/^the mapper payload exceeds 65536 bytes$/);
  });

  it('holds for outputs of any size and script: all distinct outputs are there, or the typed error is thrown', () => {
    const outputs = fc.array(
      fc.tuple(fc.constantFrom('x', 'é', '漢', '🙂', '"', '\\'), fc.integer({ min: 1, max: 1024 })),
      { minLength: 1, maxLength: 40 },
    );
    fc.assert(
      fc.property(outputs, (specs) => {
        const plan = planOf(specs.map((_, i) => planned(`d${i}`)));
        const results = specs.map(([character, n], i) => success(`d${i}`, `${i}${character.repeat(n)}`));
        try {
          const payload = payloadOf(plan, results);
          expect(bytes(payload)).toBeLessThanOrEqual(maxPayloadBytes);
          expect(payload.output.split('|')).toEqual(results.map((result) => result.output));
        } catch (error) {
          if (!(error instanceof AggregationError)) throw error;
          const twice = results.reduce((sum, { output }) => sum + 2 * bytes(output), 0);
          expect(twice + specs.length * 100 + 1000).toBeGreaterThan(maxPayloadBytes);
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('any payload', () => {
  it('fits the schema, and is the same for any order of the answers', () => {
    fc.assert(
      fc.property(shuffledRuns, ({ plan, results, shuffled }) => {
        const payload = payloadOf(plan, results);
        expect(mapperPayloadSchema.safeParse(payload).error).toBeUndefined();
        expect(JSON.stringify(payloadOf(plan, shuffled))).toBe(JSON.stringify(payload));
      }),
    );
  });

  it('names every distinct output, and no label that no detector sent', () => {
    fc.assert(
      fc.property(runs, ({ plan, results }) => {
        const payload = payloadOf(plan, results);
        const successes = results.filter(({ status }) => status === 'success');
        const sent = new Set(successes.map(({ output }) => output));
        expect(new Set(payload.output.split('|'))).toEqual(sent.size === 0 ? new Set(['none']) : sent);
        const labels = new Set([...sent, ...successes.flatMap((r) => r.findings.map(({ label }) => label))]);
        expect(new Set(Object.keys(payload.metadata.normalized_scores))).toEqual(labels);
        expect(payload.metadata.conflict_resolution_applied).toBe(sent.size >= 2);
      }),
    );
  });
});

describe('utf8Length', () => {
  it('counts as Buffer does, lone surrogates included', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.array(fc.integer({ min: 0xd700, max: 0xe0ff })),
        (text, units) => {
          const odd = text + String.fromCharCode(...units);
          expect(utf8Length(odd)).toBe(Buffer.byteLength(odd));
        },
      ),
    );
  });
});
