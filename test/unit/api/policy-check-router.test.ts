import pino from 'pino';
import request from 'supertest';
import type { PolicyCheck, PolicyVerdict } from '../../../src/contract/policy-validation';
import { opaAbsent, opaOverloaded } from '../../../src/policy/opa-unavailable';
import { appWith, expectError } from './support';

const verdict: PolicyVerdict = {
  is_valid: true,
  violations: [],
  recommendations: [],
  warnings: [],
  missing_detectors: [],
  policy_version: '1.0',
  compilation: null,
};
const candidate = { policy_bundle: 'default', policy: { tenant_id: 'acme' } };

describe('POST /policies/validate', () => {
  const asked: [string | null, PolicyCheck][] = [];
  beforeEach(() => asked.splice(0));
  const post = async (body: object | string, headers: Record<string, string> = {}) =>
    request(
      await appWith({
        checkPolicy: async (tenantId, check) => {
          asked.push([tenantId, check]);
          return verdict;
        },
      }),
    )
      .post('/api/v1/policies/validate')
      .set({ 'content-type': 'application/json', ...headers })
      .send(body);

  it('answers 200 with the verdict, whatever is wrong with the policy itself [F.10]', async () => {
    const policy = { tenant_id: 7, surprise: true };
    const response = await post({ policy_bundle: 'default', policy }, { 'x-tenant-id': 'acme' });
    expect([response.status, response.body]).toEqual([200, verdict]);
    expect(asked).toEqual([['acme', { policy_bundle: 'default', content_type: 'text', policy }]]);
  });

  it.each([
    ['names neither a policy nor results', { policy_bundle: 'default' }, 'policy'],
    ['names no bundle', { policy: {} }, 'policy_bundle'],
    ['has an unknown key', { ...candidate, surprise: 1 }, 'surprise'],
    [
      'has Rego and no policy',
      { ...candidate, policy: null, detector_results: [{ detector: 'a', status: 'success' }], rego: 'x' },
      'rego',
    ],
    [
      'has results without end',
      { policy_bundle: 'default', detector_results: Array(101).fill({ detector: 'a', status: 'success' }) },
      'detector_results',
    ],
    [
      'has a result of no detector',
      { policy_bundle: 'default', detector_results: [{ status: 'success' }] },
      'detector_results[0].detector',
    ],
  ])('refuses a request that %s', async (_claim, body, field) => {
    const response = await post(body);
    expectError(response, { detail: 'validation_failed' });
    expect(response.body.field_errors.map(({ path }: { path: string }) => path)).toContain(field);
    expect(asked).toEqual([]);
  });

  it('refuses a key given twice, and a policy of another tenant', async () => {
    expectError(await post('{"policy_bundle":"a","policy":{"a":1,"a":2}}'), { detail: 'duplicate_key' });
    const response = await post(candidate, { 'x-tenant-id': 'other' });
    expectError(response, { code: 'INSUFFICIENT_RBAC', detail: 'tenant_mismatch' });
    expect(asked).toEqual([]);
  });

  it.each([
    [
      'the machine has no room for it',
      opaOverloaded('opa was killed (SIGKILL)'),
      { status: 403, code: 'RATE_LIMITED', detail: 'overloaded', retryable: true, retryAfter: '10' },
    ],
    [
      'there is no opa',
      opaAbsent(new Error('spawn ENOENT')),
      {
        status: 500,
        code: 'INTERNAL_ERROR',
        detail: 'compiler_unavailable',
        retryable: false,
        retryAfter: undefined,
      },
    ],
  ])(
    'says nothing about the policy when %s, and tells the log why [C.4]',
    async (_claim, error, expected) => {
      const told: string[] = [];
      const log = pino({ level: 'error' }, { write: (line: string) => void told.push(line) });
      const app = await appWith({ checkPolicy: () => Promise.reject(error), log });
      const { status, headers, body } = await request(app).post('/api/v1/policies/validate').send(candidate);
      expect({ status, retryAfter: headers['retry-after'], ...body }).toMatchObject({
        status: expected.status,
        error_code: expected.code,
        detail: expected.detail,
        retryable: expected.retryable,
        retryAfter: expected.retryAfter,
      });
      expect(body).not.toHaveProperty('is_valid');
      expect(told).toHaveLength(1);
      expect(body.message).not.toContain('ENOENT');
      expect(JSON.parse(told[0]!)).toMatchObject({
        cause: expect.stringMatching(/SIGKILL|ENOENT/) as string,
      });
    },
  );
});
