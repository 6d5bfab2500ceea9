import request from 'supertest';
import type { Operation } from '../../../src/api/operations';
import { anonymous, type Identity } from '../../../src/contract/identity';
import { ConclaveError } from '../../../src/contract/errors';
import { type AppOptions, appWith, expectError } from './support';

const acme: Identity = {
  ...anonymous,
  subject: 'key:1',
  method: 'api_key',
  tenantId: 'acme',
  roles: ['admin'],
};
const force = () => Promise.resolve({ before: 'closed', after: 'open' } as never);

/** What operations a call leaves. */
async function left(
  call: (agent: ReturnType<typeof request>) => PromiseLike<{ status: number; headers: object }>,
  options: AppOptions = {},
) {
  const operated: Operation[] = [];
  const app = await appWith({
    authenticate: () => Promise.resolve(acme),
    operated: async (operation) => void operated.push(operation),
    ...options,
  });
  const response = await call(request(app));
  return { response, operated };
}

describe('An operation is on record [F.14]:', () => {
  it('who, from where, what, of which tenant, with which end', async () => {
    const revoke = () => Promise.resolve();
    const { response, operated } = await left(
      (agent) => agent.delete('/api/v1/api-keys/k1').set('X-Correlation-ID', 'c1'),
      { apiKeys: { revoke } },
    );
    expect(operated).toEqual([
      {
        actor: acme,
        tenantId: 'acme',
        action: 'DELETE /api-keys/:key_id',
        target: { key_id: 'k1' },
        status: 204,
        isReplay: false,
        error: null,
        address: expect.stringMatching(/127\.0\.0\.1$/),
        requestId: (response.headers as Record<string, string>)['x-request-id'],
        correlationId: 'c1',
      },
    ]);
  });

  it('also one that is refused, with why', async () => {
    const revoke = () =>
      Promise.reject(new ConclaveError('INVALID_REQUEST', 'no', { status: 404, detail: 'key_not_found' }));
    const { operated } = await left((agent) => agent.delete('/api/v1/api-keys/k1'), { apiKeys: { revoke } });
    expect(operated).toMatchObject([{ status: 404, error: 'key_not_found' }]);
  });

  it('also one beyond the limit of its credential', async () => {
    const app = { perCredential: 1, apiKeys: { revoke: () => Promise.resolve() } };
    const { operated } = await left(async (agent) => {
      await agent.delete('/api/v1/api-keys/k1');
      return agent.delete('/api/v1/api-keys/k1');
    }, app);
    expect(operated.map(({ status, error }) => [status, error])).toEqual([
      [204, null],
      [403, 'RATE_LIMITED'],
    ]);
  });

  it('before its answer leaves, which is an error if it cannot be', async () => {
    const done: string[] = [];
    const revoke = async () => void done.push('revoked');
    const operated = async (): Promise<void> => {
      done.push('noted');
      throw new Error('the store is away');
    };
    const { response } = await left((agent) => agent.delete('/api/v1/api-keys/k1'), {
      apiKeys: { revoke },
      operated,
    });
    expectError(response as never, { code: 'INTERNAL_ERROR', detail: 'not_on_record' });
    expect(done).toEqual(['revoked', 'noted']);
  });

  it('of whom the caller says to be, where nobody is asked', async () => {
    const revoke = () => Promise.resolve();
    const as = (name: string) =>
      left(
        (agent) => agent.delete('/api/v1/api-keys/k1').set({ 'X-Principal': name, 'X-Tenant-ID': 'globex' }),
        { authenticate: null, apiKeys: { revoke } },
      );
    expect((await as('ann')).operated).toMatchObject([
      { actor: { subject: 'ann', method: 'none' }, tenantId: 'globex' },
    ]);
  });

  it('of nobody’s tenant, when nobody is known', async () => {
    const { operated } = await left(
      (agent) => agent.post('/api/v1/auth/refresh').set('X-Tenant-ID', 'acme').send({ refresh_token: 'x' }),
      { sessions: { refresh: () => Promise.reject(new ConclaveError('UNAUTHORIZED', 'no')) } },
    );
    expect(operated).toMatchObject([{ actor: null, tenantId: null, status: 401 }]);
  });

  it.each(['/audit/export', '/policies/decisions/export'])('also %s, which changes nothing', async (path) => {
    const { operated } = await left((agent) => agent.get(`/api/v1${path}`));
    expect(operated).toMatchObject([{ action: `GET ${path}`, status: 200 }]);
  });

  it('in the chain of the tenant that the path names, if there is one', async () => {
    const put = async (status: number) =>
      (
        await left((agent) => agent.put('/api/v1/tenants/umbrella').send({ name: 'Umbrella' }), {
          authenticate: () => Promise.resolve({ ...acme, tenantId: null, roles: ['super_admin'] }),
          tenants: {
            put: () =>
              status === 200
                ? Promise.resolve({ tenant_id: 'umbrella' } as never)
                : Promise.reject(new ConclaveError('INVALID_REQUEST', 'no')),
          },
        })
      ).operated;
    expect(await put(200)).toMatchObject([{ tenantId: 'umbrella' }]);
    expect(await put(400)).toMatchObject([{ tenantId: null }]);
  });

  it('and nothing else is: what is read, what is judged, what is asked by POST', async () => {
    const { operated } = await left(
      async (agent) => {
        await agent.get('/api/v1/detectors');
        await agent.post('/api/v1/orchestrate').send({
          content: 'a text',
          content_type: 'text',
          tenant_id: 'acme',
          policy_bundle: 'default',
          environment: 'dev',
        });
        return agent.post('/api/v1/auth/validate').send({ token: 'x' });
      },
      { sessions: { validate: () => Promise.resolve({ valid: false } as never) } },
    );
    expect(operated).toEqual([]);
  });

  it('once for a change that is forced', async () => {
    const { operated } = await left((agent) => agent.post('/api/v1/circuit-breaker/trip/a'), {
      sharing: { force },
    });
    expect(operated).toHaveLength(1);
    expect(operated[0]).toMatchObject({ target: { endpoint_id: 'a' } });
  });
});
