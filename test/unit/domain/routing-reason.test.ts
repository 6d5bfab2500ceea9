import { routingDecisionSchema } from '../../../src/contract/answer';
import { routingDecision } from '../../../src/domain/routing-reason';
import { failure, planOf, planned, success } from './support';

const member = { routing_tokens: [], health_status: { a: true, b: false } };

describe('routingDecision', () => {
  it('names policy, selection and what must be covered', () => {
    const plan = planOf([planned('b'), planned('a'), planned('spare', { role: 'secondary' })]);
    const decision = routingDecision(plan, member);
    expect(routingDecisionSchema.parse(decision)).toEqual({
      selected_detectors: ['b', 'a'],
      routing_reason: 'tenant_policy;content_type=text',
      policy_applied: 'default',
      policy_version: '1.2',
      policy_digest: 'd'.repeat(64),
      coverage_method: 'required_set',
      coverage_requirements: { b: 1, a: 1 },
      health_status: { a: true, b: false },
    });
  });

  it('lists weights or categories under the other methods', () => {
    const detectors = [planned('a')];
    const { coverage } = planOf(detectors);
    const requirements = (overrides: Partial<typeof coverage>) =>
      routingDecision(planOf(detectors, { coverage: { ...coverage, ...overrides } }), member)
        .coverage_requirements;
    expect(requirements({ method: 'weighted_coverage', weights: { a: 0.7, b: 0.3 } })).toEqual({
      a: 0.7,
      b: 0.3,
    });
    expect(requirements({ method: 'taxonomy_coverage', required_categories: ['PII', 'HARM'] })).toEqual({
      PII: 1,
      HARM: 1,
    });
  });

  it('begins with the decider, then the type, the tokens of the request, failovers and the reason of Rego', () => {
    const plan = planOf(
      [planned('a'), planned('x', { role: 'secondary' }), planned('y', { role: 'secondary' })],
      {
        decider: 'opa',
        selection_reason: 'strict; by contract',
      },
    );
    const { routing_reason } = routingDecision(
      plan,
      { ...member, routing_tokens: ['inferred=code', 'content_type_mismatch'] },
      [failure('a', 'http_5xx'), success('y', 'clean')],
    );
    expect(routing_reason).toBe(
      'opa;content_type=text;inferred=code;content_type_mismatch;failover:y;reason=strict, by contract',
    );
  });

  it('stays within 500 characters without cutting a token', () => {
    const names = Array.from({ length: 20 }, (_, i) => `${i}`.padStart(60, 'n'));
    const plan = planOf([planned('a'), ...names.map((name) => planned(name, { role: 'secondary' }))]);
    const { routing_reason } = routingDecision(
      plan,
      member,
      names.map((name) => success(name, 'clean')),
    );
    expect(routing_reason.length).toBeLessThanOrEqual(500);
    const tokens = routing_reason.split(';').slice(2);
    expect(tokens).toEqual(names.slice(0, tokens.length).map((name) => `failover:${name}`));
    expect(tokens.length).toBeGreaterThan(5);
  });
});
