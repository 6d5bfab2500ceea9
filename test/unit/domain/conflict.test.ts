import fc from 'fast-check';
import type { ConflictDecision } from '../../../src/contract/decisions';
import type { ConflictStrategy, ContentType } from '../../../src/contract/enums';
import { conflictSummarySchema } from '../../../src/contract/payload';
import type { PlannedDetector } from '../../../src/contract/plan';
import { conflictFault, resolveConflict } from '../../../src/domain/conflict';
import { defaultStrategy, metricOf } from '../../../src/domain/conflict-strategies';
import { groupedBy } from '../../../src/domain/collections';
import { successesOf } from '../../../src/domain/results';
import { failure, planOf, planned, runs, shuffledRuns, success } from './support';

/** Votes as `[detector, output, confidence, traits]`. */
type Vote = [string, string, number | null, Partial<PlannedDetector>?];

function resolve(
  votes: readonly Vote[],
  strategy: ConflictStrategy,
  decision: ConflictDecision | null = null,
  contentType: ContentType = 'text',
) {
  const plan = planOf(
    votes.map(([name, , , traits]) => planned(name, traits)),
    {
      content_type: contentType,
      conflict: { strategy, decided_by: 'bundle', benign_labels: ['clean', 'no_pii'] },
    },
  );
  const results = votes.map(([name, output, confidence]) => success(name, output, confidence));
  return resolveConflict(plan, results, decision);
}

describe('when there is a conflict', () => {
  it('is none without a success, with one output, or with outputs that differ by white space only', () => {
    const plan = planOf([planned('a'), planned('b')]);
    expect(resolveConflict(plan, [failure('a', 'http_5xx'), failure('b', 'circuit_open')], null)).toBeNull();
    expect(resolveConflict(plan, [success('a', 'toxic'), failure('b', 'circuit_open')], null)).toBeNull();
    expect(resolveConflict(plan, [success('a', 'toxic'), success('b', ' toxic\n')], null)).toBeNull();
  });

  it('leaves failures and empty outputs out of the vote', () => {
    const plan = planOf([planned('a'), planned('b'), planned('c')]);
    const results = [success('a', 'toxic'), success('b', ''), failure('c', 'http_4xx')];
    expect(resolveConflict(plan, results, null)).toBeNull();
  });
});

describe('weighted_average', () => {
  it('averages inside the group: toxic 0.6 and 0.7 against clean 0.9 gives clean by 0.25', () => {
    const conflict = resolve(
      [
        ['a', 'toxic', 0.6],
        ['b', 'toxic', 0.7],
        ['c', 'clean', 0.9],
      ],
      'weighted_average',
    );
    expect(conflict).toMatchObject({
      winning_output: 'clean',
      winning_detector: 'c',
      confidence_delta: 0.25,
      conflicting_detectors: ['a', 'b'],
      tie_breaker_applied: null,
      strategy_used: 'weighted_average',
      decided_by: 'bundle',
    });
    expect(conflict?.winning_result.detector).toBe('c');
  });

  it('weighs by priority weight', () => {
    const votes: Vote[] = [
      ['a', 'toxic', 0.5, { priority_weight: 1 }],
      ['b', 'toxic', 0.9, { priority_weight: 3 }],
      ['c', 'clean', 0.75],
    ];
    expect(resolve(votes, 'weighted_average')).toMatchObject({
      winning_output: 'toxic',
      confidence_delta: 0.05,
    });
  });

  it('weighs by coverage weight under weighted coverage, where weightless groups have their plain mean', () => {
    const detectors = [
      planned('a', { coverage_weight: 0.9, priority_weight: 1 }),
      planned('b', { coverage_weight: 0.1, priority_weight: 9 }),
      planned('spare', { role: 'secondary' }),
    ];
    const plan = planOf(detectors, {
      coverage: {
        method: 'weighted_coverage',
        required_detectors: [],
        weights: { a: 0.9, b: 0.1 },
        required_categories: [],
        threshold: 0.8,
      },
    });
    const results = [success('a', 'toxic', 0.4), success('b', 'toxic', 0.9), success('spare', 'clean', 0.5)];
    expect(resolveConflict(plan, results, null)).toMatchObject({
      winning_output: 'clean',
      confidence_delta: 0.05,
    });
  });

  it('counts a missing confidence as 0', () => {
    expect(
      resolve(
        [
          ['a', 'toxic', null],
          ['b', 'clean', 0.1],
        ],
        'weighted_average',
      ),
    ).toMatchObject({
      winning_output: 'clean',
      confidence_delta: 0.1,
    });
  });
});

describe('highest_confidence', () => {
  it('takes the surest, however many stand against it', () => {
    const votes: Vote[] = [
      ['a', 'clean', 0.8],
      ['b', 'clean', 0.85],
      ['c', 'nudity', 0.9],
    ];
    expect(resolve(votes, 'highest_confidence')).toMatchObject({
      winning_output: 'nudity',
      confidence_delta: 0.05,
    });
  });
});

describe('majority_vote', () => {
  it('counts heads and ignores weights and confidence', () => {
    const votes: Vote[] = [
      ['a', 'clean', 0.1],
      ['b', 'clean', 0.2],
      ['c', 'eval_call', 1, { priority_weight: 50 }],
      ['d', 'clean', 0.1],
    ];
    expect(resolve(votes, 'majority_vote')).toMatchObject({
      winning_output: 'clean',
      winning_detector: 'b',
      confidence_delta: 0.5,
    });
  });
});

describe('most_restrictive', () => {
  it('puts every benign label under every risk', () => {
    const votes: Vote[] = [
      ['a', 'Clean', 1],
      ['b', 'no_pii', 0.9],
      ['c', 'email', 0.05],
    ];
    expect(resolve(votes, 'most_restrictive')).toMatchObject({
      winning_output: 'email',
      confidence_delta: 1,
    });
  });

  it('then asks for severity, then for confidence', () => {
    const severe = { label_severity: { ssn: 90, email: 20, phone: 20 } };
    expect(
      resolve(
        [
          ['a', 'email', 0.99, severe],
          ['b', 'ssn', 0.3, severe],
        ],
        'most_restrictive',
      ),
    ).toMatchObject({
      winning_output: 'ssn',
      confidence_delta: 70,
    });
    expect(
      resolve(
        [
          ['a', 'email', 0.5, severe],
          ['b', 'phone', 0.7, severe],
        ],
        'most_restrictive',
      ),
    ).toMatchObject({
      winning_output: 'phone',
      confidence_delta: 0.2,
    });
  });

  it('gives labels named like members of Object no severity they were not given', () => {
    const votes: Vote[] = [
      ['a', 'constructor', 0.2],
      ['b', 'toxic', 0.3, { label_severity: { toxic: 1 } }],
    ];
    expect(resolve(votes, 'most_restrictive')).toMatchObject({
      winning_output: 'toxic',
      confidence_delta: 1,
    });
  });
});

describe('tenant_preference', () => {
  const votes: Vote[] = [
    ['a', 'toxic', 0.9, { bundle_priority: 1 }],
    ['b', 'clean', 0.3, { bundle_priority: 5 }],
    ['c', 'hate', 0.2],
  ];

  it('follows the detector that Rego prefers', () => {
    expect(resolve(votes, 'tenant_preference', { winning_detector: 'c' })).toMatchObject({
      winning_output: 'hate',
      confidence_delta: 1,
      decided_by: 'bundle',
    });
  });

  it('else the success with the highest priority in the bundle', () => {
    expect(resolve(votes, 'tenant_preference')).toMatchObject({
      winning_output: 'clean',
      confidence_delta: 4,
    });
  });

  it('else the default of the content type, under its own name', () => {
    const unranked: Vote[] = votes.map(([name, output, confidence]) => [name, output, confidence]);
    expect(resolve(unranked, 'tenant_preference')).toMatchObject({
      winning_output: 'toxic',
      strategy_used: 'tenant_preference',
      confidence_delta: 0.6,
    });
  });

  it('does not wait for a preferred detector that failed', () => {
    const plan = planOf([planned('a'), planned('b'), planned('c')], {
      conflict: { strategy: 'tenant_preference', decided_by: 'bundle', benign_labels: [] },
    });
    const results = [success('a', 'toxic', 0.9), success('b', 'clean', 0.3), failure('c', 'http_5xx')];
    expect(resolveConflict(plan, results, { winning_detector: 'c' })).toMatchObject({
      winning_output: 'toxic',
    });
  });
});

describe('defaults', () => {
  it.each([
    ['text', 'weighted_average'],
    ['image', 'highest_confidence'],
    ['document', 'most_restrictive'],
    ['code', 'majority_vote'],
  ] as const)('%s: %s', (contentType, strategy) => {
    expect(defaultStrategy(contentType)).toBe(strategy);
  });
});

describe('the tie chain', () => {
  it('1: the detector that Rego prefers', () => {
    const votes: Vote[] = [
      ['a', 'toxic', 0.5, { priority_weight: 9 }],
      ['b', 'clean', 0.5],
    ];
    expect(resolve(votes, 'majority_vote', { winning_detector: 'b' })).toMatchObject({
      winning_output: 'clean',
      tie_breaker_applied: 'preferred_detector',
      confidence_delta: 0,
    });
  });

  it('2: the priority of a supporter', () => {
    const votes: Vote[] = [
      ['a', 'toxic', 0.5, { priority_weight: 2 }],
      ['b', 'clean', 0.9],
    ];
    expect(resolve(votes, 'majority_vote')).toMatchObject({
      winning_output: 'toxic',
      tie_breaker_applied: 'detector_priority',
      confidence_delta: 0,
    });
  });

  it('3: the highest confidence', () => {
    expect(
      resolve(
        [
          ['a', 'toxic', 0.5],
          ['b', 'clean', 0.9],
        ],
        'majority_vote',
      ),
    ).toMatchObject({
      winning_output: 'clean',
      tie_breaker_applied: 'highest_confidence',
    });
  });

  it('4: the alphabet', () => {
    expect(
      resolve(
        [
          ['a', 'toxic', 0.5],
          ['b', 'clean', 0.5],
        ],
        'majority_vote',
      ),
    ).toMatchObject({
      winning_output: 'clean',
      tie_breaker_applied: 'alphabetical',
    });
  });

  it('narrows step by step and names the step that decided', () => {
    const votes: Vote[] = [
      ['a', 'x', 0.9, { priority_weight: 1 }],
      ['b', 'z', 0.4, { priority_weight: 2 }],
      ['c', 'y', 0.3, { priority_weight: 2 }],
    ];
    expect(resolve(votes, 'majority_vote')).toMatchObject({
      winning_output: 'z',
      tie_breaker_applied: 'highest_confidence',
    });
  });

  it('starts with the breaker that Rego names', () => {
    const votes: Vote[] = [
      ['a', 'toxic', 0.9, { priority_weight: 9 }],
      ['b', 'clean', 0.5],
    ];
    expect(resolve(votes, 'majority_vote', { tie_breaker: 'alphabetical' })).toMatchObject({
      winning_output: 'clean',
      tie_breaker_applied: 'alphabetical',
    });
  });

  it('takes differences below the tolerance for a tie', () => {
    // 0.1 + 0.2 against 0.3: equal to anyone but a processor.
    const votes: Vote[] = [
      ['a', 'toxic', 0.1 + 0.2],
      ['b', 'clean', 0.3],
    ];
    expect(resolve(votes, 'highest_confidence')).toMatchObject({
      winning_output: 'clean',
      tie_breaker_applied: 'alphabetical',
      confidence_delta: 0,
    });
  });
});

describe('decisions of Rego', () => {
  const votes: Vote[] = [
    ['a', 'toxic', 0.6],
    ['b', 'toxic', 0.7],
    ['c', 'clean', 0.9],
  ];

  it('replace the strategy and are kept for the record', () => {
    const decision: ConflictDecision = {
      resolution_strategy: 'majority_vote',
      resolution_reason: 'house rule',
    };
    expect(resolve(votes, 'weighted_average', decision)).toMatchObject({
      winning_output: 'toxic',
      strategy_used: 'majority_vote',
      decided_by: 'opa',
      opa_decision: { resolution_strategy: 'majority_vote', resolution_reason: 'house rule' },
    });
  });

  it('are ignored as a whole when they prefer a detector that the plan does not know', () => {
    const decision: ConflictDecision = { resolution_strategy: 'majority_vote', winning_detector: 'stranger' };
    expect(conflictFault(decision, planOf([planned('a')]))).toBe('unknown_detector');
    expect(resolve(votes, 'weighted_average', decision)).toMatchObject({
      winning_output: 'clean',
      decided_by: 'bundle',
      opa_decision: null,
    });
  });

  it('hold when they prefer nobody, or a detector of the plan', () => {
    expect(conflictFault({}, planOf([planned('a')]))).toBeNull();
    expect(conflictFault({ winning_detector: 'a' }, planOf([planned('a')]))).toBeNull();
  });
});

describe('any conflict', () => {
  const decisions = fc.option(
    fc.record(
      {
        resolution_strategy: fc.constantFrom(
          'majority_vote' as const,
          'most_restrictive' as const,
          'tenant_preference' as const,
        ),
        winning_detector: fc.constantFrom('d0', 'd1', 'stranger'),
        tie_breaker: fc.constantFrom('alphabetical' as const, 'highest_confidence' as const),
      },
      { requiredKeys: [] },
    ),
  );

  it('is settled alike for any order of the answers', () => {
    fc.assert(
      fc.property(shuffledRuns, decisions, ({ plan, results, shuffled }, decision) => {
        expect(resolveConflict(plan, shuffled, decision)).toEqual(resolveConflict(plan, results, decision));
      }),
    );
  });

  it('has a winner that no group beats, and its record fits the contract', () => {
    fc.assert(
      fc.property(runs, decisions, ({ plan, results }, decision) => {
        const voters = successesOf(plan, results).filter(({ output }) => output !== '');
        const groups = [...groupedBy(voters, ({ output }) => output)].map(([output, supporters]) => ({
          output,
          supporters,
        }));
        const conflict = resolveConflict(plan, results, decision);
        if (groups.length < 2) return expect(conflict).toBeNull();

        const { winning_result, ...summary } = conflict!;
        expect(conflictSummarySchema.parse(summary)).toEqual(summary);
        expect(winning_result).toMatchObject({ status: 'success', detector: summary.winning_detector });
        expect(summary.confidence_delta).toBeGreaterThanOrEqual(0);
        expect(summary.conflicting_detectors).toEqual(
          voters
            .filter(({ output }) => output !== summary.winning_output)
            .map(({ detector }) => detector.name),
        );
        const preferred =
          decision?.winning_detector === 'stranger' ? null : (decision?.winning_detector ?? null);
        const metric = metricOf(summary.strategy_used, {
          groups,
          contentType: plan.content_type,
          conflict: plan.conflict,
          preferred: plan.detectors.some(({ name }) => name === preferred) ? preferred : null,
        });
        const winner = metric(groups.find(({ output }) => output === summary.winning_output)!);
        for (const group of groups) {
          const ahead = metric(group).map((value, i) => value - winner[i]!);
          const first = ahead.find((difference) => Math.abs(difference) > 1e-9) ?? 0;
          expect(first).toBeLessThanOrEqual(0);
        }
      }),
    );
  });
});
