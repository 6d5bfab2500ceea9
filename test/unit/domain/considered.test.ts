import type { ContentRouting } from '../../../src/contract/content-routing';
import type { SelectionDecision } from '../../../src/contract/decisions';
import { planRecord } from '../../../src/domain/considered';
import { planFor, type PlanningInput } from '../../../src/domain/plan';
import { policy, registration } from './support';

const text = { supported_content_types: ['text'] };
const registrations = [
  registration('required', { depends_on: ['helper'] }),
  registration('helper'),
  registration('wished'),
  registration('stand-in'),
  registration('picked'),
  registration('added', { fallback: { strategy: 'alternate', detector: 'understudy' } }),
  registration('understudy'),
  registration('skipped'),
  registration('unwanted'),
  registration('blind', { capabilities: { supported_content_types: ['image'] } }),
  registration('elsewhere', { capabilities: text }),
];
const routed = registrations.map(({ name }) => name).filter((name) => name !== 'elsewhere');

function reasons(decision: SelectionDecision | null, routing: ContentRouting | null = null) {
  const input: PlanningInput = {
    request: {
      tenant_id: 'acme',
      policy_bundle: 'default',
      environment: 'prod',
      content_type: 'text',
      priority: 'normal',
      required_detectors: ['wished'],
      excluded_detectors: ['unwanted'],
    },
    policy: policy({
      required_detectors: ['required', 'unwanted', 'gone'],
      optional_detectors: ['stand-in'],
      content_type_routing: { text: [...routed, 'gone'] },
    }),
    policyDigest: 'd',
    registrations,
    decision,
    routing,
    decider: 'opa',
    regoRules: { coverage: false, conflict: false },
    settings: {
      mappingEnabled: false,
      mapperBudgetMs: 500,
      maxConcurrentDetectors: 10,
      versionInfo: { taxonomy: '1', frameworks: '1', model: 'none' },
    },
  };
  const { considered } = planRecord(planFor(input), input);
  return Object.fromEntries(considered.map(({ detector, role, reason }) => [detector, [role, reason]]));
}

describe('the record of a plan', () => {
  it('says of every registered detector why it is in it or not [5]', () => {
    const decision = { selected_detectors: ['picked', 'skipped'] };
    const routing = { add_detectors: ['added'], skip_detectors: ['skipped'] };
    expect(reasons(decision, routing)).toEqual({
      required: ['primary', 'required_by_policy'],
      helper: ['primary', 'dependency'],
      wished: ['primary', 'required_by_request'],
      'stand-in': ['secondary', 'optional'],
      picked: ['primary', 'selected_by_opa'],
      added: ['primary', 'added_by_routing'],
      understudy: ['alternate', 'alternate'],
      skipped: [null, 'skipped_by_routing'],
      unwanted: [null, 'excluded_by_request'],
      gone: [null, 'not_registered'],
      blind: [null, 'unsupported_content_type'],
      elsewhere: [null, 'not_routed_for_content_type'],
    });
  });

  it('tells what a policy does not name from what its Rego has not selected', () => {
    expect(reasons(null)['picked']).toEqual([null, 'not_named_by_policy']);
    expect(reasons({ selected_detectors: [] })['picked']).toEqual([null, 'not_selected_by_opa']);
  });

  it('knows what Rego requires instead of the policy', () => {
    expect(reasons({ selected_detectors: [], required_detectors: ['picked'] })).toMatchObject({
      picked: ['primary', 'required_by_opa'],
      required: [null, 'not_selected_by_opa'],
    });
  });
});
