import type { ConflictSummary } from '../../../src/contract/payload';
import { flags, held } from '../../support/fake-detectors';
import { patience } from '../../support/patience';
import { expectSound } from '../../support/sound-answer';
import { type BundleFixture, System } from '../../support/system';
import { codes, png } from './contents';

const detectors = ['a', 'b', 'c'] as const;
type Votes = Readonly<Record<(typeof detectors)[number], readonly [label: string, confidence: number]>>;

interface Case {
  readonly policy: BundleFixture['policy'];
  readonly votes: Votes;
  readonly expected: Partial<ConflictSummary>;
}

const outvoted: Votes = { a: ['toxic', 0.95], b: ['clean', 0.9], c: ['clean', 0.9] };
const allApart: Votes = { a: ['x', 0.5], b: ['y', 0.8], c: ['z', 0.7] };

const strategies: Readonly<Record<string, Case>> = {
  // The example of the contract: toxic 0.6 and 0.7 against clean 0.9.
  weighted_average: {
    policy: { conflict_resolution: 'weighted_average' },
    votes: { a: ['toxic', 0.6], b: ['toxic', 0.7], c: ['clean', 0.9] },
    expected: {
      winning_output: 'clean',
      winning_detector: 'c',
      confidence_delta: 0.25,
      conflicting_detectors: ['a', 'b'],
    },
  },
  highest_confidence: {
    policy: { conflict_resolution: 'highest_confidence' },
    votes: outvoted,
    expected: {
      winning_output: 'toxic',
      winning_detector: 'a',
      confidence_delta: 0.05,
      conflicting_detectors: ['c', 'b'],
    },
  },
  majority_vote: {
    policy: { conflict_resolution: 'majority_vote' },
    votes: outvoted,
    expected: {
      winning_output: 'clean',
      winning_detector: 'b',
      confidence_delta: 0.333333,
      conflicting_detectors: ['a'],
    },
  },
  most_restrictive: {
    policy: { conflict_resolution: 'most_restrictive' },
    votes: { a: ['insult', 0.95], b: ['threat', 0.4], c: ['clean', 0.99] },
    expected: {
      winning_output: 'threat',
      winning_detector: 'b',
      confidence_delta: 50,
      conflicting_detectors: ['c', 'a'],
    },
  },
  tenant_preference: {
    policy: { conflict_resolution: 'tenant_preference', priority_weights: { b: 3 } },
    votes: { a: ['toxic', 0.9], b: ['hate', 0.3], c: ['toxic', 0.9] },
    expected: {
      winning_output: 'hate',
      winning_detector: 'b',
      confidence_delta: 3,
      conflicting_detectors: ['c', 'a'],
    },
  },
};

/** One vote each, so that only the tie breaker tells them apart. */
const ties: Readonly<Record<string, readonly [rego: string, winner: string]>> = {
  preferred_detector: ['"tie_breaker": "preferred_detector", "winning_detector": "a"', 'x'],
  detector_priority: ['"tie_breaker": "detector_priority", "winning_detector": "a"', 'z'],
  highest_confidence: ['"tie_breaker": "highest_confidence"', 'y'],
  alphabetical: ['"tie_breaker": "alphabetical"', 'x'],
};

const typeDefaults = {
  text: ['weighted_average', 'a text of its own'],
  image: ['highest_confidence', png],
  document: ['most_restrictive', 'a document of its own'],
  code: ['majority_vote', codes.clean],
} as const;

const bundleName = (name: string) => name.replaceAll('_', '-');

describe('Settling a conflict', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start({
      parts: ['api'],
      env: patience,
      detectors: detectors.map((name) => ({
        name,
        priority_weight: name === 'c' ? 2 : 1,
        label_severity: { threat: 90, insult: 40 },
        capabilities: { supported_content_types: ['text', 'image', 'document', 'code'] },
      })),
      policies: {
        'demo/plain': { policy: {} },
        'demo/override': { policy: { conflict_resolution_overrides: { code: 'highest_confidence' } } },
        ...Object.fromEntries(
          Object.entries(strategies).map(([name, { policy }]) => [`demo/${bundleName(name)}`, { policy }]),
        ),
        ...Object.fromEntries(
          Object.entries(ties).map(([name, [rego]]) => [
            `demo/tie-${bundleName(name)}`,
            {
              policy: {},
              rego: {
                'conflict.rego': `package orchestration\n\nconflict := {"resolution_strategy": "majority_vote", ${rego}}\n`,
              },
            },
          ]),
        ),
      },
    });
  });
  afterAll(() => system?.stop());

  async function settle(bundle: string, votes: Votes, overrides: Readonly<Record<string, unknown>> = {}) {
    for (const name of detectors) system.detectors.behave(name, flags(...votes[name]));
    const { status, body } = await system.orchestrate({ policy_bundle: bundle, ...overrides });
    expect(status).toBe(200);
    expectSound(body);
    return body;
  }

  it.each(Object.entries(strategies))(
    '%s picks the winner its metric says [7] [7.2]',
    async (name, { votes, expected }) => {
      const { aggregated_payload: payload, request_id } = await settle(bundleName(name), votes);
      expect(payload?.metadata.conflict_resolution).toMatchObject({
        ...expected,
        strategy_used: name,
        decided_by: 'bundle',
        tie_breaker_applied: null,
        opa_decision: null,
      });
      // The payload knows four strategies; a preference reports the default of the type.
      expect(payload?.metadata.aggregation_method).toBe(
        name === 'tenant_preference' ? 'weighted_average' : name,
      );
      // No output is dropped, whoever won.
      expect(payload?.output.split('|').toSorted()).toEqual(
        [...new Set(Object.values(votes).map(([label]) => label))].toSorted(),
      );
      const { rows } = await system.db.query<{ record: { conflict: object } }>(
        'select record from audit where request_id = $1',
        [request_id],
      );
      expect(rows[0]?.record.conflict).toMatchObject({
        strategy_used: name,
        decided_by: 'bundle',
        winning_detector: expected.winning_detector,
        tie_breaker_applied: null,
      });
    },
  );

  it.each(Object.entries(typeDefaults))(
    '%s has its locked default where the bundle is silent [7.2]',
    async (type, [strategy, content]) => {
      const { aggregated_payload } = await settle('plain', outvoted, { content_type: type, content });
      expect(aggregated_payload?.metadata).toMatchObject({
        aggregation_method: strategy,
        conflict_resolution: { strategy_used: strategy, decided_by: 'content_type_default' },
      });
    },
  );

  it('an override of the bundle goes before the default of its type, and only of its type [7.2]', async () => {
    const forCode = await settle('override', outvoted, { content_type: 'code', content: codes.clean });
    const forText = await settle('override', outvoted);
    expect(forCode.aggregated_payload?.metadata.conflict_resolution).toMatchObject({
      strategy_used: 'highest_confidence',
      decided_by: 'bundle_override',
      winning_output: 'toxic',
    });
    expect(forText.aggregated_payload?.metadata.conflict_resolution?.decided_by).toBe('content_type_default');
  });

  it.each(Object.entries(ties))(
    'a tie is broken by %s when Rego says so [7.2]',
    async (tieBreaker, [, winner]) => {
      const { aggregated_payload } = await settle(`tie-${bundleName(tieBreaker)}`, allApart);
      const conflict = aggregated_payload?.metadata.conflict_resolution;
      expect(conflict).toMatchObject({
        strategy_used: 'majority_vote',
        decided_by: 'opa',
        winning_output: winner,
        tie_breaker_applied: tieBreaker,
        confidence_delta: 0,
        opa_decision: { resolution_strategy: 'majority_vote', tie_breaker: tieBreaker },
      });
      expect(conflict?.resolution_notes).toContain(`tie broken by ${tieBreaker}`);
    },
  );

  it('without Rego a tie goes by the priority of detectors first [7.2]', async () => {
    const { aggregated_payload } = await settle('majority-vote', allApart);
    expect(aggregated_payload?.metadata.conflict_resolution).toMatchObject({
      winning_output: 'z',
      tie_breaker_applied: 'detector_priority',
    });
  });

  it.each([
    ['first to last', ['a', 'b', 'c']],
    ['last to first', ['c', 'b', 'a']],
  ] as const)('the winner is the same for answers %s [7.2]', async (_order, order) => {
    const gates = new Map(order.map((name) => [name, held(flags(...allApart[name]))]));
    for (const [name, gate] of gates) system.detectors.behave(name, gate.behavior);
    const calls = new Map(order.map((name) => [name, system.detectors.callsOf(name).length]));
    const answer = system.orchestrate({ policy_bundle: 'tie-alphabetical' });
    await Promise.all(order.map((name) => system.detectors.called(name, calls.get(name)! + 1)));
    for (const name of order) gates.get(name)!.release();
    const { aggregated_payload } = (await answer).body;
    expect(aggregated_payload?.output).toBe('z|x|y');
    expect(aggregated_payload?.metadata.conflict_resolution?.winning_output).toBe('x');
  });

  it('agreement is no conflict', async () => {
    const { aggregated_payload } = await settle('plain', {
      a: ['toxic', 0.5],
      b: ['toxic', 0.6],
      c: ['toxic', 0.7],
    });
    expect(aggregated_payload).toMatchObject({
      output: 'toxic',
      metadata: { conflict_resolution_applied: false, aggregation_method: 'highest_confidence' },
    });
    expect(aggregated_payload?.metadata.conflict_resolution).toBeUndefined();
  });
});
