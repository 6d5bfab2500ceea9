import { MapperError } from '../../../src/mapper/errors';
import { mapFrameworks } from '../../../src/mapper/map-frameworks';
import type { FrameworkRequest } from '../../../src/mapper/requests';
import { knowledge } from './samples';

type CanonicalResult = FrameworkRequest['canonical_results'][number];

const email: CanonicalResult = {
  category: 'PII.Contact.Email',
  confidence: 0.9,
  risk_level: 'high',
  tags: [],
};

function map(results: CanonicalResult[], given: Partial<FrameworkRequest> = {}) {
  return mapFrameworks(
    {
      canonical_results: results,
      target_frameworks: ['SOC2', 'GDPR'],
      mapping_mode: 'standard',
      include_validation: true,
      ...given,
    },
    knowledge(),
  );
}

function controls(given: Partial<FrameworkRequest>, result: CanonicalResult = email): string[] {
  return map([result], given).mapping_results[0]!.framework_mappings.map(
    (m) => `${m.framework}:${m.control_id}`,
  );
}

it('lists the union of the references in the order of frameworks and controls', () => {
  expect(controls({})).toEqual([
    'SOC2:CC6.1',
    'SOC2:CC6.7',
    'SOC2:CC7.2',
    'GDPR:Art.5',
    'GDPR:Art.6',
    'GDPR:Art.32',
  ]);
});

it('uses the base references alone and skips validation when fast', () => {
  expect(controls({ mapping_mode: 'fast' })).toEqual(['SOC2:CC7.2']);
  expect(map([email], { mapping_mode: 'fast' }).mapping_results[0]!.validation_result).toBeNull();
});

it('adds data classes when comprehensive', () => {
  const [soc2, ...others] = map([email], { mapping_mode: 'comprehensive' }).mapping_results[0]!
    .framework_mappings;
  expect(soc2!.metadata).toEqual({ data_classes: ['CC6.DataProtection'] });
  expect(others.at(-1)!.metadata).toEqual({ data_classes: ['PersonalData.ContactDetails'] });
});

it('names a framework wanted twice once', () => {
  expect(controls({ target_frameworks: ['GDPR', 'SOC2', 'GDPR'] })).toEqual([
    'GDPR:Art.5',
    'GDPR:Art.6',
    'GDPR:Art.32',
    'SOC2:CC6.1',
    'SOC2:CC6.7',
    'SOC2:CC7.2',
  ]);
});

it.each([
  ['critical', 'non_compliant'],
  ['high', 'non_compliant'],
  ['medium', 'non_compliant'],
  ['low', 'compliant'],
  ['info', 'not_applicable'],
] as const)('judges %s as %s', (risk, status) => {
  const [result] = map([{ ...email, risk_level: risk }]).mapping_results;
  expect(new Set(result!.framework_mappings.map((m) => m.compliance_status))).toEqual(new Set([status]));
});

it('gives a category without controls no entry, and says so', () => {
  const [result] = map([{ ...email, category: 'OTHER.Safe' }]).mapping_results;
  expect(result!.framework_mappings).toEqual([]);
  expect(result!.validation_result).toEqual({
    is_valid: true,
    schema_compliance: true,
    confidence_threshold_met: true,
    validation_errors: [],
    validation_warnings: ['no control of SOC2 applies', 'no control of GDPR applies'],
  });
});

it('lets the heir stand in for a retired category', () => {
  const [result] = map([{ ...email, category: 'PII.Identity.SSN', confidence: 0.5 }]).mapping_results;
  expect(result!.canonical_result.category).toBe('PII.Identifier.SSN');
  expect(result!.framework_mappings).not.toEqual([]);
  expect(result!.validation_result).toMatchObject({
    is_valid: true,
    confidence_threshold_met: false,
    validation_warnings: [
      'the category is retired; PII.Identifier.SSN stands in for it',
      'confidence is under 0.6',
    ],
  });
});

it('marks a category that does not exist', () => {
  const [result] = map([{ ...email, category: 'PII.Invented' }]).mapping_results;
  expect(result).toMatchObject({ framework_mappings: [], validation_result: { is_valid: false } });
});

it('averages the confidence and recommends what to review', () => {
  const answer = map([email, { ...email, category: 'OTHER.Safe', confidence: 0.5, risk_level: 'info' }], {
    target_frameworks: ['SOC2'],
  });
  expect(answer.overall_confidence).toBe(0.7);
  expect(answer.recommendations).toEqual([
    'Review SOC2:CC6.1, SOC2:CC6.7, SOC2:CC7.2 for PII.Contact.Email (high).',
  ]);
});

it('refuses a framework that is not loaded', () => {
  expect(() => map([email], { target_frameworks: ['SOC2', 'SOX'] })).toThrow(MapperError);
});
