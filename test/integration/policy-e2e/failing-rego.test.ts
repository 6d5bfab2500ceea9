import type { ErrorResponse } from '../../../src/contract/answer';
import { findings, flags, status as answers } from '../../support/fake-detectors';
import { patience } from '../../support/patience';
import { expectSound } from '../../support/sound-answer';
import { type BundleFixture, System } from '../../support/system';

/** Static fields that differ from what the Rego would say, so that it shows who decided. */
const statics: BundleFixture['policy'] = {
  required_detectors: ['a', 'b'],
  optional_detectors: ['c'],
  conflict_resolution: 'highest_confidence',
};
const regoBundle = (rules: string, policy: BundleFixture['policy'] = {}): BundleFixture => ({
  policy: { ...statics, ...policy },
  rego: { 'policy.rego': `package orchestration\n\n${rules}\n` },
});

/** Two rules that contradict each other for every input: the module traps. */
const contradiction = (decision: string, one: string, other: string) =>
  `${decision} := ${one} if input.tenant_id == "demo"\n\n${decision} := ${other} if input.policy_bundle != ""`;

const all = '{"selected_detectors": ["a", "b", "c"]}';
const selectionFaults = {
  'selection-traps': contradiction('selection', all, '{"selected_detectors": ["a"]}'),
  'selection-undefined': `selection := ${all} if input.content_type == "image"`,
  'selection-names-unknown': 'selection := {"selected_detectors": ["a", "b", "c", "nobody"]}',
  'selection-requires-unknown':
    'selection := {"selected_detectors": ["c"], "required_detectors": ["nobody"]}',
  'selection-unbalanced': `selection := {
	"selected_detectors": ["a", "b", "c"],
	"coverage_method": "weighted",
	"coverage_requirements": {"weights": {"a": 0.5, "c": 0.4}},
}`,
  'selection-unknown-method': 'selection := {"selected_detectors": ["c"], "coverage_method": "by_hand"}',
  'selection-wrong-type': 'selection := {"selected_detectors": "c"}',
  'selection-talks-too-long': `selection := {
	"selected_detectors": ["a", "b", "c"],
	"selection_reason": concat("", [input.policy.policy_data.long, "!"]),
}`,
};
const coverageFaults = {
  'coverage-traps': contradiction('coverage', '{"coverage_met": false}', '{"coverage_met": true}'),
  'coverage-undefined': 'coverage := {"coverage_met": false} if input.coverage_achieved > 1',
  'coverage-wrong-type': 'coverage := {"coverage_met": "no"}',
  'coverage-talks-too-long':
    'coverage := {"coverage_met": false, "policy_violations": numbers.range(1, 5000)}',
};
const conflictFaults = {
  'conflict-traps': contradiction(
    'conflict',
    '{"resolution_strategy": "majority_vote"}',
    '{"resolution_strategy": "most_restrictive"}',
  ),
  'conflict-undefined':
    'conflict := {"resolution_strategy": "majority_vote"} if input.content_type == "image"',
  'conflict-unknown-strategy': 'conflict := {"resolution_strategy": "required_detector_consensus"}',
  'conflict-unknown-winner': 'conflict := {"strategy": "majority_vote", "winning_detector": "nobody"}',
  'conflict-unknown-tie-breaker': 'conflict := {"strategy": "majority_vote", "tie_breaker": "a coin"}',
  'conflict-talks-too-long': `conflict := {
	"resolution_strategy": "majority_vote",
	"resolution_reason": concat("", [input.policy.policy_data.long, "!"]),
}`,
};

const long = { policy_data: { long: 'x'.repeat(200) } };
const faulty = Object.fromEntries(
  Object.entries({ ...selectionFaults, ...coverageFaults, ...conflictFaults }).map(([name, rules]) => [
    `demo/${name}`,
    regoBundle(rules, long),
  ]),
);

describe('A policy whose Rego fails', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start({
      parts: ['api'],
      env: patience,
      policies: {
        ...faulty,
        'demo/denies': regoBundle('selection := {"selected_detectors": ["a"], "allow": false}'),
        'demo/short': regoBundle(
          'selection := {"selected": ["c"], "required_detectors": ["c"]}\n\nconflict := {"strategy": "majority_vote"}',
        ),
        'demo/chatty': regoBundle(
          `selection := {"selected_detectors": ["c"], "selection_reason": "ask ops@example.com;\\nor call"}

conflict := {
	"resolution_strategy": "majority_vote",
	"resolution_reason": "owner ops@example.com\\u0000, token=AbCdEf0123456789AbCdEf01",
}

coverage := {"coverage_met": true, "policy_violations": ["see ops@example.com"]}`,
        ),
        'demo/broken': regoBundle('selection := {"selected_detectors": [nobody]}'),
        'demo/silent': { policy: statics },
      },
    });
    // One vote against two, and the surest of all: the strategies disagree on the winner.
    system.detectors.behave('a', flags('toxic', 0.95)).behave('b', findings()).behave('c', findings());
  });
  afterAll(() => system?.stop());

  const ask = (bundle: string, overrides: Readonly<Record<string, unknown>> = {}) =>
    system.orchestrate({ policy_bundle: bundle, ...overrides });

  it.each(Object.keys(selectionFaults))(
    '%s: the static fields select, and the answer says so [5.2] [2.3]',
    async (bundle) => {
      const { status, body } = await ask(bundle);
      expect(status).toBe(200);
      expectSound(body);
      expect(body.routing_decision).toMatchObject({
        selected_detectors: ['a', 'b'],
        coverage_method: 'required_set',
        coverage_requirements: { a: 1, b: 1 },
        policy_applied: bundle,
      });
      expect(body.routing_decision.routing_reason).toBe(
        'tenant_policy_opa_fallback;content_type=text;inferred=text',
      );
      expect(body).toMatchObject({
        fallback_used: true,
        fallback_reasons: ['opa_unavailable'],
        error_code: null,
      });
    },
  );

  it('a job of such a bundle carries the mark from its 202 to its end', async () => {
    const { status, body } = await ask('selection-traps', { processing_mode: 'async' });
    expect(status).toBe(202);
    expect(body).toMatchObject({ fallback_used: true, fallback_reasons: ['opa_unavailable'] });
    const job = await system.ended(body.job_id!);
    expect(job).toMatchObject({
      status: 'completed',
      result: { fallback_used: true, fallback_reasons: ['opa_unavailable'] },
    });
  });

  it.each(Object.keys(coverageFaults))(
    '%s: the figure alone decides, and the answer says so [5.2]',
    async (bundle) => {
      const { status, body } = await ask(bundle);
      expect(status).toBe(200);
      expectSound(body);
      expect(body).toMatchObject({
        coverage_achieved: 1,
        fallback_used: true,
        fallback_reasons: ['opa_unavailable'],
        error_code: null,
      });
    },
  );

  it.each(Object.keys(conflictFaults))(
    '%s: the bundle settles the conflict, and the answer says so [5.2] [7.2]',
    async (bundle) => {
      const { status, body } = await ask(bundle, { required_detectors: ['c'] });
      expect(status).toBe(200);
      expectSound(body);
      expect(body.aggregated_payload?.metadata.conflict_resolution).toMatchObject({
        strategy_used: 'highest_confidence',
        decided_by: 'bundle',
        winning_output: 'toxic',
        opa_decision: null,
      });
      expect(body).toMatchObject({ fallback_used: true, fallback_reasons: ['opa_unavailable'] });
    },
  );

  it('is not a fallback where there is no Rego at all', async () => {
    const { body } = await ask('silent');
    expect(body.routing_decision.routing_reason).toBe('tenant_policy;content_type=text;inferred=text');
    expect(body).toMatchObject({ fallback_used: false, fallback_reasons: [] });
  });

  it('keeps its mark beside PARTIAL_COVERAGE', async () => {
    system.detectors.behave('b', answers(400)).behave('c', answers(400));
    const { status, body } = await ask('selection-traps');
    system.detectors.behave('b', findings()).behave('c', findings());
    expect(status).toBe(206);
    expect(body).toMatchObject({
      error_code: 'PARTIAL_COVERAGE',
      fallback_reasons: ['opa_unavailable', 'partial_coverage'],
    });
  });

  it('does not stop a sound one: the short names of decisions count as the long ones [9.3]', async () => {
    const { body } = await ask('short', { required_detectors: ['a', 'b'] });
    expect(body.routing_decision.coverage_requirements).toEqual({ a: 1, b: 1, c: 1 });
    expect(body.aggregated_payload?.metadata.conflict_resolution).toMatchObject({
      strategy_used: 'majority_vote',
      decided_by: 'opa',
      winning_output: 'clean',
    });
    expect(body.fallback_used).toBe(false);
  });

  it('allow: false is 403 policy_denied before any detector is called [F.2]', async () => {
    const request = system.body({ policy_bundle: 'denies' });
    const { status, body } = await system.request<ErrorResponse>('POST', '/orchestrate', request);
    expect(status).toBe(403);
    expect(body).toMatchObject({
      error_code: 'INSUFFICIENT_RBAC',
      detail: 'policy_denied',
      retryable: false,
      fallback_used: false,
      response: null,
    });
    expect(
      system.detectors.calls.filter(({ contents }) => contents.includes(String(request['content']))),
    ).toEqual([]);
  });

  it('shows words of a policy in one line, without personal data and secrets', async () => {
    const { body } = await ask('chatty');
    expectSound(body);
    expect(body.routing_decision.routing_reason).toMatch(/;reason=ask \[REDACTED:EMAIL\], or call$/);
    expect(body.aggregated_payload?.metadata.conflict_resolution?.opa_decision).toEqual({
      resolution_strategy: 'majority_vote',
      resolution_reason: 'owner [REDACTED:EMAIL] , token=[REDACTED:SECRET]',
    });
    const { rows } = await system.db.query<{ record: object }>(
      'select record from audit where request_id = $1',
      [body.request_id],
    );
    expect(JSON.stringify(rows)).toContain('see [REDACTED:EMAIL]');
    expect(JSON.stringify(rows)).not.toContain('example.com');
  });

  it('that does not compile stays out, with file, line and column in the log, and the others serve [2.3]', async () => {
    const { status, body } = await system.orchestrate<ErrorResponse>({ policy_bundle: 'broken' });
    expect([status, body.error_code]).toEqual([400, 'POLICY_NOT_FOUND']);
    const line = system.facade.log.split('\n').find((text) => text.includes('stays out'));
    expect(JSON.parse(line!)).toMatchObject({
      tenant_id: 'demo',
      bundle: 'broken',
      problems: [
        { file: 'rules/policy.rego', line: 3, column: 38, message: expect.stringContaining('nobody') },
      ],
    });
  });
});
