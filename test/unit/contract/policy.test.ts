import type { z } from 'zod';
import { decisionQuerySchema } from '../../../src/contract/decision-log';
import { tenantPolicySchema } from '../../../src/contract/policy';
import {
  bundleHeadSchema,
  bundleStateSchema,
  putPolicySchema,
  reviewSchema,
  rollbackSchema,
} from '../../../src/contract/policy-store';
import { versionSchema } from '../../../src/contract/text';
import { byVersion } from '../../../src/domain/versions';

const names = (count: number) => Array.from({ length: count }, (_, n) => `detector-${n}`);
const mapOf = <T>(count: number, value: T) => Object.fromEntries(names(count).map((name) => [name, value]));
const faultsOf = (fields: object) =>
  tenantPolicySchema
    .safeParse({
      tenant_id: 'acme',
      policy_bundle: 'chat',
      coverage_calculation: { calculation_method: 'required_set' },
      required_detectors: ['pii'],
      ...fields,
    })
    .error?.issues.map(({ path }) => path.join('.')) ?? [];

describe('the static fields of a policy', () => {
  const coverage = (fields: object) => ({
    coverage_calculation: { calculation_method: 'required_set', ...fields },
  });
  const fields: [string, (count: number) => object][] = [
    ['required_detectors', (count) => ({ required_detectors: names(count) })],
    ['optional_detectors', (count) => ({ optional_detectors: names(count) })],
    ['timeout_config', (count) => ({ timeout_config: mapOf(count, 500) })],
    ['retry_config', (count) => ({ retry_config: mapOf(count, 1) })],
    ['priority_weights', (count) => ({ priority_weights: mapOf(count, 1) })],
    ['content_type_routing.text', (count) => ({ content_type_routing: { text: names(count) } })],
    ['rbac_scopes', (count) => ({ rbac_scopes: names(count) })],
    [
      'failure_policy.0.detectors',
      (count) => ({ failure_policy: [{ detectors: names(count), action: 'fail_closed' }] }),
    ],
    [
      'coverage_calculation.weighted_requirements',
      (count) => coverage({ weighted_requirements: mapOf(count, 1) }),
    ],
    [
      'coverage_calculation.required_taxonomy_categories',
      (count) => coverage({ required_taxonomy_categories: names(count) }),
    ],
  ];

  it.each(fields)('%s holds two hundred at most', (path, holding) => {
    expect(faultsOf(holding(200))).toEqual([]);
    expect(faultsOf(holding(201))).toEqual([path]);
  });

  it('have data of 64 KiB at most, which every database takes', () => {
    const data = (text: string) => faultsOf({ policy_data: { text } });
    expect(data('x'.repeat(65_000))).toEqual([]);
    expect(data('x'.repeat(66_000))).toEqual(['policy_data']);
    for (const text of ['\\u0000', '\\ud800', '\u{1f600}', '\n']) expect(data(text)).toEqual([]);
    for (const text of ['a\0b', '\ud800', '\\\0']) expect(data(text)).toEqual(['policy_data']);
    expect(faultsOf({ policy_data: { benign_labels: [['\0']] } })).toEqual(['policy_data']);
  });
});

describe('what people write about versions', () => {
  const texts: [string, z.ZodType, object][] = [
    ['description', putPolicySchema, { policy: {} }],
    ['note', reviewSchema, { decision: 'reject' }],
    ['reason', rollbackSchema, {}],
    ['policy_bundle', decisionQuerySchema, {}],
  ];

  it.each(texts)('has no NUL in %s, nor halves of characters', (field, schema, rest) => {
    const faults = (text: string) =>
      schema.safeParse({ ...rest, [field]: text }).error?.issues.map(({ path }) => path.join('.')) ?? [];
    expect(faults('as agreed \u{1f600}')).toEqual([]);
    for (const text of ['a\0b', '\ud800']) expect(faults(text)).toEqual([field]);
  });
});

describe('a version number', () => {
  it('is ordered however long it is, up to a hundred characters', () => {
    const long = '9'.repeat(40);
    expect(byVersion(`1.${long}`, `1.${long.replace(/9$/, '8')}`)).toBeGreaterThan(0);
    expect(byVersion(`1.${long}`, `1.0${long}`)).toBe(0);
    expect(byVersion('1.10', '1.9')).toBeGreaterThan(0);
    expect(byVersion('1.0', '1')).toBe(0);
    expect(versionSchema.safeParse(`1.${'9'.repeat(98)}`).success).toBe(true);
    expect(versionSchema.safeParse(`1.${'9'.repeat(99)}`).success).toBe(false);
  });
});

describe('a state that a newer release has written', () => {
  const time = '2026-11-21T10:00:00.000Z';
  const approval = { reviewer: 'bob', decision: 'approve', note: '', timestamp: time };
  const record = {
    version: '1.0',
    status: 'approved',
    created_at: time,
    created_by: 'ann',
    description: '',
    approvals: [{ ...approval, signature: 'new' }],
    approved_at: time,
    activated_at: time,
    rolled_back_from: null,
    conflict_warnings: [],
    checksum: 'digest',
    shape: 2,
    origin: 'api',
    rate_limit_per_minute: 1000,
    benign_labels: [],
    novelty: 1,
  };

  it('is read', () => {
    const state = { tenant_id: 'acme', policy_bundle: 'chat', versions: [record], active: '1.0' };
    const rest = { deleted_at: null, folder_digest: null, novelty: 1 };
    const { novelty: _novelty, ...known } = record;
    expect(bundleStateSchema.parse({ ...state, ...rest }).versions).toEqual([
      { ...known, approvals: [approval] },
    ]);
    const head = { active: null, latest_version: '1.0', latest_status: 'approved', versions: 1 };
    expect(bundleHeadSchema.parse({ ...head, deleted: false, folder_digest: null, novelty: 1 })).toEqual({
      ...head,
      deleted: false,
      folder_digest: null,
    });
  });
});
