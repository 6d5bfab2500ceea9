import request from 'supertest';
import { appWith, expectError } from './support';

describe('DELETE /cache', () => {
  const invalidated: unknown[] = [];
  const invalidate = async (target: unknown, change: unknown) => void invalidated.push([target, change]);
  beforeEach(() => invalidated.splice(0));
  const order = async (query: string, headers: Record<string, string> = {}) =>
    request(await appWith({ invalidate }))
      .delete(`/api/v1/cache?${query}`)
      .set(headers);

  it.each([
    ['detector=a', { detector: 'a' }],
    ['tenant_id=acme&policy_bundle=default', { tenantId: 'acme', bundle: 'default' }],
  ])('passes the order on: %s', async (query, target) => {
    const response = await order(query, { 'x-correlation-id': 'corr', 'x-tenant-id': 'acme' });
    expect([response.status, response.text]).toEqual([204, '']);
    expect(invalidated).toEqual([
      [target, { requestId: response.headers['x-request-id'], correlationId: 'corr' }],
    ]);
  });

  it.each([
    '',
    'tenant_id=acme',
    'policy_bundle=default',
    'detector=a&policy_bundle=default',
    'detector=a&detector=b',
    'detector=a%2Fb',
    'tenant_id=*&policy_bundle=default',
    'everything=true',
  ])('refuses one that is unclear: ?%s', async (query) => {
    expectError(await order(query), { detail: 'validation_failed' });
    expect(invalidated).toEqual([]);
  });

  it('refuses one of another tenant', async () => {
    const response = await order('tenant_id=acme&policy_bundle=default', { 'x-tenant-id': 'other' });
    expectError(response, { code: 'INSUFFICIENT_RBAC', detail: 'tenant_mismatch' });
    expect(invalidated).toEqual([]);
  });
});
