import { lintPolicy, namedDetectors, type Surroundings } from '../../../src/policy/static-lint';
import { conflictsWith } from '../../../src/policy/bundle-conflicts';
import { registration } from '../api/support';
import { samplePolicy } from './samples';

const remarks = (fields: Parameters<typeof samplePolicy>[0], surroundings: Surroundings = {}) =>
  lintPolicy(samplePolicy(fields), surroundings).map(({ severity, code, path }) => [
    severity,
    code,
    path.join('.'),
  ]);

describe('Static fields that are well-formed', () => {
  it('may be without fault', () => expect(remarks({})).toEqual([]));

  it('name failure rules that an earlier one leaves nothing to', () => {
    const never = (...failure_policy: NonNullable<ReturnType<typeof samplePolicy>['failure_policy']>) =>
      remarks({ failure_policy }).map(([, code, path]) => [code, path]);
    expect(never({ action: 'fail_closed' }, { causes: ['timeout'], action: 'fail_open' })).toEqual([
      ['unreachable_rule', 'failure_policy.1'],
    ]);
    expect(
      never(
        { categories: ['PII'], action: 'fail_open' },
        { categories: ['PII.Contact.Email'], causes: ['timeout'], action: 'fail_closed' },
      ),
    ).toEqual([['unreachable_rule', 'failure_policy.1']]);
    expect(
      never(
        { causes: ['timeout'], action: 'fail_open' },
        { causes: ['timeout', 'outage'], action: 'fail_closed' },
      ),
    ).toEqual([]);
  });

  it('name detectors that no type lets look, and types that no detector is let look at', () => {
    const all = { text: ['pii'], image: [], document: ['pii'], code: ['pii', 'pii'] };
    expect(remarks({ content_type_routing: all })).toEqual([
      ['warning', 'duplicate_name', 'content_type_routing.code.1'],
      ['warning', 'unreachable_detector', 'required_detectors.1'],
      ['warning', 'unreachable_detector', 'optional_detectors.0'],
      ['warning', 'unreachable_detector', 'content_type_routing.image'],
    ]);
  });

  it('name what a detector cannot read, and categories that nobody looks for', () => {
    const detectors = ['pii', 'secrets', 'language'].map((name) =>
      registration(name, {
        capabilities: { supported_content_types: ['text'], taxonomy_categories: ['PII'] },
      }),
    );
    const method = 'taxonomy_coverage' as const;
    expect(
      remarks(
        {
          content_type_routing: { code: ['pii'] },
          coverage_calculation: {
            calculation_method: method,
            required_taxonomy_categories: ['PII.Contact.Email', 'HARM.SPEECH', 'NO.SUCH'],
            partial_coverage_threshold: 1,
          },
        },
        { detectors, categories: ['PII.Contact.Email', 'HARM.SPEECH.Insult'] },
      ),
    ).toEqual([
      ['warning', 'unreachable_threshold', 'content_type_routing.code.0'],
      ['warning', 'unknown_category', 'coverage_calculation.required_taxonomy_categories.2'],
      ['warning', 'unreachable_threshold', 'coverage_calculation.required_taxonomy_categories.1'],
    ]);
  });

  it('name fields that do nothing', () => {
    expect(
      remarks({
        conflict_resolution: 'tenant_preference',
        policy_data: { min_confidence: 'high', benign_labels: ['ok'] },
        coverage_calculation: {
          calculation_method: 'required_set',
          weighted_requirements: { pii: 1 },
          partial_coverage_threshold: 1,
        },
      }),
    ).toEqual([
      ['warning', 'without_effect', 'coverage_calculation.weighted_requirements'],
      ['warning', 'without_effect', 'conflict_resolution'],
      ['warning', 'without_effect', 'policy_data.min_confidence'],
    ]);
  });

  it('are invalid where the detectors they need wait for each other', () => {
    const detectors = [
      registration('pii', { depends_on: ['helper'] }),
      registration('helper', { depends_on: ['pii'] }),
    ];
    expect(remarks({}, { detectors })).toEqual([['error', 'dependency_cycle', 'required_detectors']]);
  });

  it('name detectors in every one of them', () => {
    const fields = {
      failure_policy: [{ detectors: ['a'], action: 'fail_open' as const }],
      timeout_config: { b: 100 },
      content_type_routing: { text: ['c', 'pii'] },
    };
    expect(namedDetectors(samplePolicy(fields))).toEqual(['a', 'b', 'c', 'language', 'pii', 'secrets']);
  });
});

describe('Bundles of one tenant', () => {
  const sibling = (policy_bundle: string, fields: Parameters<typeof samplePolicy>[0] = {}) => ({
    policy: samplePolicy({ policy_bundle, ...fields }),
    sources: [],
  });

  it('are told apart by more than case, decide differently, and agree on what holds for the tenant', () => {
    const days = (audit_retention_days: number) => ({ policy_data: { audit_retention_days } });
    expect(
      conflictsWith(sibling('chat', days(30)), [sibling('Chat', days(30)), sibling('mail', days(90))]),
    ).toEqual([
      'chat and Chat differ only by case: one folder where the file system ignores it',
      'decides exactly as Chat does: a change to one will be forgotten in the other',
      'policy_data.audit_retention_days is 30 here and 90 in mail',
    ]);
    expect(
      conflictsWith(sibling('chat', days(30)), [sibling('mail', { ...days(30), optional_detectors: [] })]),
    ).toEqual([]);
    expect(conflictsWith(sibling('chat'), [sibling('chat', { tenant_id: 'other' })])).toEqual([]);
  });
});
