import request from 'supertest';
import type { PolicyCheck, PolicyVerdict } from '../../../src/contract/policy-validation';
import type { AppDependencies } from '../../../src/api/app';
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

  it('checks two at a time, keeps eight waiting and turns the others away', async () => {
    let [inside, most] = [0, 0];
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const app = await appWith({
      checkPolicy: async () => {
        most = Math.max(most, ++inside);
        await gate;
        inside -= 1;
        return verdict;
      },
    });
    const server = app.listen(0);
    const answers = Array.from({ length: 11 }, async () => {
      const { status, body } = await request(server).post('/api/v1/policies/validate').send(candidate);
      return [status, body.detail];
    });
    // The others wait for the gate.
    expect(await Promise.race(answers)).toEqual([403, 'overloaded']);
    open();
    const statuses = await Promise.all(answers);
    server.close();
    expect(statuses.filter(([status]) => status === 200)).toHaveLength(10);
    expect(most).toBe(2);
  });

  it('takes turns with policies that are put', async () => {
    let inside = 0;
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const work = async () => {
      inside += 1;
      await gate;
    };
    const app = await appWith({
      checkPolicy: async () => {
        await work();
        return verdict;
      },
      policies: {
        store: {
          put: async () => {
            await work();
            return { policy_bundle: 'default', version: '1.0' };
          },
        } as unknown as AppDependencies['policies']['store'],
      },
    });
    const server = app.listen(0);
    const calls = Array.from({ length: 11 }, async (_, n) => {
      const path = n % 2 === 0 ? '/api/v1/policies/validate' : '/api/v1/policies/default';
      const call = n % 2 === 0 ? request(server).post(path) : request(server).put(path);
      const { status, body } = await call
        .set('x-tenant-id', 'acme')
        .send(n % 2 === 0 ? candidate : { policy: {} });
      return [status, body.detail];
    });
    expect(await Promise.race(calls)).toEqual([403, 'overloaded']);
    expect(inside).toBeLessThanOrEqual(2);
    open();
    const statuses = await Promise.all(calls);
    server.close();
    expect(statuses.filter(([status]) => status === 403)).toHaveLength(1);
  });
});
