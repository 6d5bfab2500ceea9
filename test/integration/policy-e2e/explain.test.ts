import type { ErrorResponse } from '../../../src/contract/answer';
import { decisionListSchema, type LoggedDecision } from '../../../src/contract/decision-log';
import { type Explanation, explanationSchema } from '../../../src/contract/explanation';
import { findings, flags, held, status as answers } from '../../support/fake-detectors';
import { patience } from '../../support/patience';
import { type BundleFixture, System } from '../../support/system';

const detectors = ['a', 'b', 'c', 'code-reader'];
const statics: BundleFixture['policy'] = {
  required_detectors: ['a', 'b'],
  optional_detectors: ['c'],
  content_type_routing: { text: ['a', 'b', 'c', 'code-reader'] },
  conflict_resolution: 'highest_confidence',
};
const regoBundle = (rules: string, policy: BundleFixture['policy'] = {}): BundleFixture => ({
  policy: { ...statics, ...policy },
  rego: { 'policy.rego': `package orchestration\n\n${rules}\n` },
});

const full = `selection := {"selected_detectors": ["a", "b"], "selection_reason": "both readers"}

routing := {"add_detectors": ["code-reader"], "routing_reason": "reads like code"} if input.content.code_share > 0.5

else := {"skip_detectors": ["c"], "routing_reason": concat(" ", ["in", input.content.language])}

conflict := {"resolution_strategy": "majority_vote"}

coverage := {"coverage_met": true}

failure := {"actions": {f.detector: "human_review" | some f in input.failures; f.cause == "outage"}}`;

describe('Explaining an orchestration', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start({
      parts: ['api', 'worker'],
      env: patience,
      detectors,
      policies: {
        'demo/default': { policy: statics },
        'demo/full': regoBundle(full),
        'demo/fallen': regoBundle(
          `selection := {"selected_detectors": ["a"]} if input.tenant_id != ""

selection := {"selected_detectors": ["b"]} if input.policy_bundle != ""`,
        ),
        'demo/runaway': regoBundle(`selection := {"selected_detectors": ["a"]} if {
	n := {x | some x in numbers.range(1, 3000)}
	count([1 | some i in n; some j in n; some k in n; i == j; j == k; i == 0]) == 0
}`),
      },
    });
    for (const name of detectors) system.detectors.behave(name, findings());
  });
  afterAll(() => system?.stop());
  beforeEach(() => {
    for (const name of detectors) system.detectors.behave(name, findings());
  });

  const own = { 'x-tenant-id': 'demo' };
  const prose = 'Please send the minutes of the meeting to everybody who has been there.';
  const ask = (bundle: string, overrides: Readonly<Record<string, unknown>> = {}) =>
    system.orchestrate({ policy_bundle: bundle, content: prose, ...overrides });
  const explain = async (requestId: string): Promise<Explanation> => {
    const { status, body } = await system.request('GET', `/orchestrate/${requestId}/explain`, undefined, own);
    expect([status, body]).toEqual([200, expect.anything()]);
    return explanationSchema.parse(body);
  };
  const decisionsOf = async (requestId: string): Promise<LoggedDecision[]> => {
    const path = `/policies/decisions?request_id=${requestId}`;
    return decisionListSchema.parse((await system.request('GET', path, undefined, own)).body).decisions;
  };
  const reasons = ({ detectors: considered }: Explanation) =>
    Object.fromEntries((considered ?? []).map(({ detector, reason }) => [detector, reason]));

  it('says who decided, by which bundle and version, and why each detector was chosen or not [5]', async () => {
    system.detectors.behave('a', flags('toxic', 0.95));
    const { body } = await ask('full');
    const explanation = await explain(body.request_id);
    expect(explanation).toMatchObject({
      origin: { source: 'run', request_id: body.request_id },
      policy: { bundle: 'full', version: '1.0', digest: body.routing_decision.policy_digest },
      routing: { decider: 'opa', reason: 'both readers, in en', content_type: 'text' },
      coverage: {
        demanded: { method: 'required_set', required_detectors: ['a', 'b'], threshold: 0.8 },
        achieved: 1,
        verdict: { coverage_met: true },
      },
      conflict: {
        strategy_used: 'majority_vote',
        decided_by: 'opa',
        winning_detector: 'a',
        tie_breaker_applied: 'highest_confidence',
        conflicting_detectors: ['b'],
      },
      policy_fallback: false,
      http_status: 200,
    });
    expect(reasons(explanation)).toEqual({
      a: 'required_by_policy',
      b: 'required_by_policy',
      c: 'skipped_by_routing',
      'code-reader': 'not_selected_by_opa',
    });
    expect(JSON.stringify(explanation)).not.toContain('minutes');
  });

  it('routes by what the content is like [5.2]', async () => {
    const code = 'function add(a, b) {\n  return a + b;\n}\nconst sum = add(1, 2);';
    const { body } = await ask('full', { content: code });
    expect(body.routing_decision.selected_detectors).toEqual(['a', 'b', 'code-reader']);
    expect(reasons(await explain(body.request_id))['code-reader']).toBe('added_by_routing');
  });

  it('shows what Rego made of failures', async () => {
    system.detectors.behave('b', answers(400));
    const { status, body } = await ask('full', { content: `${prose} Once.` });
    expect(status).toBe(206);
    system.detectors.behave('b', answers(500));
    const outage = await ask('full', { content: `${prose} Again.` });
    expect(outage.body).toMatchObject({
      failure_policy: [{ detector: 'b', cause: 'outage', action: 'human_review', decided_by: 'opa' }],
    });
    expect(await explain(outage.body.request_id)).toMatchObject({
      failure_policy: [{ detector: 'b', action: 'human_review', decided_by: 'opa' }],
      detectors: expect.arrayContaining([
        expect.objectContaining({ detector: 'b', status: 'failed', failure_cause: 'outage' }),
      ]),
    });
    expect(body).not.toHaveProperty('failure_policy.0.decided_by');
  });

  it.each(['fallen', 'runaway'])(
    '%s: the static policy takes over, and the decision is on record [5.2]',
    async (bundle) => {
      const { status, body } = await ask(bundle);
      expect([status, body.fallback_reasons]).toEqual([200, ['opa_unavailable']]);
      const explanation = await explain(body.request_id);
      expect(explanation).toMatchObject({
        routing: { decider: 'tenant_policy_opa_fallback' },
        policy_fallback: true,
      });
      expect(reasons(explanation)).toMatchObject({ a: 'required_by_policy', b: 'required_by_policy' });
      expect(await decisionsOf(body.request_id)).toEqual([
        expect.objectContaining({
          decision: 'selection',
          // Where threads start slowly there may be none for it yet.
          outcome: expect.stringMatching(bundle === 'fallen' ? /^trap$/ : /^(slow|unavailable)$/),
          result: null,
          policy_digest: body.routing_decision.policy_digest,
          request_id: body.request_id,
        }),
      ]);
      const { rows } = await system.db.query<{ record: { decider: string } }>(
        'select record from audit where request_id = $1',
        [body.request_id],
      );
      expect(rows[0]?.record).toMatchObject({ decider: 'tenant_policy_opa_fallback' });
    },
  );

  it('does not keep others waiting for a policy without an end [5.2]', async () => {
    const order: string[] = [];
    const slow = ask('runaway', { content: `${prose} Slowly.` }).then(() => order.push('runaway'));
    const { status } = await ask('default', { content: `${prose} Swiftly.` });
    order.push('default');
    await slow;
    expect(status).toBe(200);
    expect(order).toEqual(['default', 'runaway']);
  });

  it('explains the items of a batch, each of its own', async () => {
    const requests = [1, 2].map((n) => system.body({ policy_bundle: 'default', content: `${prose} ${n}` }));
    const { body } = await system.request<{ results: { request_id: string }[] }>(
      'POST',
      '/orchestrate/batch',
      { requests },
      { 'idempotency-key': 'explained-batch' },
    );
    for (const { request_id } of body.results) {
      const explanation = await explain(request_id);
      expect(explanation).toMatchObject({ request_id, routing: { decider: 'tenant_policy' } });
      expect(reasons(explanation)).toEqual({
        a: 'required_by_policy',
        b: 'required_by_policy',
        c: 'optional',
        'code-reader': 'not_named_by_policy',
      });
    }
  });

  it('explains an answer out of the cache by the run it came from', async () => {
    const content = `${prose} Twice.`;
    const first = await ask('default', { content });
    const second = await ask('default', { content });
    expect(second.headers.get('x-cache')).toBe('HIT');
    const explanation = await explain(second.body.request_id);
    expect(explanation).toMatchObject({
      request_id: second.body.request_id,
      origin: { source: 'cache', request_id: first.body.request_id },
      coverage: { achieved: 1 },
    });
    expect(explanation.detectors).toEqual((await explain(first.body.request_id)).detectors);
  });

  it('explains a job when it has ended, and to its own tenant only', async () => {
    const gate = held(findings());
    system.detectors.behave('a', gate.behavior);
    const { body } = await ask('default', { processing_mode: 'async', content: `${prose} Later.` });
    const path = `/orchestrate/${body.request_id}/explain`;
    const early = await system.request<ErrorResponse>('GET', path, undefined, own);
    expect([early.status, early.body.detail]).toEqual([409, 'orchestration_not_finished']);
    gate.release();
    await system.ended(body.job_id!);
    expect(await explain(body.request_id)).toMatchObject({ http_status: 200, coverage: { achieved: 1 } });

    const foreign = await system.request<ErrorResponse>('GET', path, undefined, { 'x-tenant-id': 'other' });
    expect([foreign.status, foreign.body.detail]).toEqual([404, 'request_not_found']);
  });

  it('has the decisions of a request in the log, and exports them for OPA', async () => {
    system.detectors.behave('a', flags('toxic', 0.95));
    const { body } = await ask('full', { content: `${prose} Logged.` });
    const path = `/policies/decisions/export?request_id=${body.request_id}`;
    const exported = async (headers: Record<string, string> = {}) =>
      (await fetch(`${system.url}/api/v1${path}`, { headers })).text();
    const text = await exported(own);
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map(({ path: rule }) => rule)).toEqual(
      expect.arrayContaining(['orchestration/selection', 'orchestration/routing']),
    );
    for (const line of lines) {
      expect(line).toMatchObject({
        erased: ['/input'],
        bundles: { full: { revision: `1.0@${body.routing_decision.policy_digest}` } },
        custom: { request_id: body.request_id },
      });
      expect(JSON.stringify(line)).not.toContain('minutes');
    }
    expect(await exported({ 'x-tenant-id': 'other' })).toBe('');
  });
});
