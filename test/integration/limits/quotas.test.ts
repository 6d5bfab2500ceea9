import { randomUUID } from 'node:crypto';
import type { ErrorResponse } from '../../../src/contract/answer';
import { expectContractError } from '../../support/contract-error';
import { eventually } from '../../support/eventually';
import { flags, held } from '../../support/fake-detectors';
import { patience } from '../../support/patience';
import { type HttpAnswer, type Part, System } from '../../support/system';

describe.each(['file', 'postgres'])('Quotas of a tenant that has a record, with policies in %s', (store) => {
  let system: System;
  let facades: readonly [Part, Part];
  beforeAll(async () => {
    system = await System.start({
      detectors: ['a'],
      policies: { 'acme/default': { policy: {} }, 'demo/default': { policy: {} } },
      env: { ...patience, ORCHESTRATION_POLICY_STORE_TYPE: store },
    });
    facades = [system.facade, await system.startPart('api')];
    const quotas = { concurrent_requests: 2, detectors: 2, bundles: 3, api_keys: 2 };
    expect((await ask(0, 'PUT', '/tenants/acme', { name: 'Acme', quotas })).status).toBe(200);
  });
  afterAll(() => system?.stop());

  function ask<T = ErrorResponse>(
    facade: number,
    method: string,
    route: string,
    body?: unknown,
    tenant = 'acme',
  ): Promise<HttpAnswer<T>> {
    system.url = facades[facade % 2]!.url;
    return system.request<T>(method, route, body, { 'X-Tenant-ID': tenant });
  }

  /** Of so many that ask both facades at once. */
  async function settled(count: number, one: (call: number) => Promise<HttpAnswer<ErrorResponse>>) {
    const answers = await Promise.all(Array.from({ length: count }, (_, call) => one(call)));
    const refused = answers.filter(({ status }) => status >= 400);
    for (const answer of refused) expectContractError(answer, { status: 400, detail: 'quota_exceeded' });
    return { made: answers.length - refused.length, refused: refused.length };
  }

  /** Until the other facade knows the record, which it has a second for. */
  const known = () =>
    eventually(
      async () => (await ask(1, 'POST', '/api-keys', key('acme'))).status,
      (status) => status === 400,
    );
  const key = (tenant_id: string) => ({ tenant_id, description: randomUUID(), roles: ['viewer'] });
  const detector = (tenant_id: string) => ({
    name: `d-${randomUUID().slice(0, 8)}`,
    endpoint: `${system.detectors.url}/a`,
    tenant_id,
    capabilities: { supported_content_types: ['text'] },
    verify: false,
  });
  const policy = { required_detectors: ['a'], coverage_calculation: { calculation_method: 'required_set' } };
  const bundle = (call: number, tenant = 'acme') =>
    ask(call, 'PUT', `/policies/b-${randomUUID().slice(0, 8)}`, { policy, description: 'a bundle' }, tenant);

  it('hold for API keys, detectors and bundles, however many are asked for at two facades at once [F.4]', async () => {
    expect((await ask(0, 'POST', '/api-keys', key('acme'))).status).toBe(201);
    await known();
    expect(await settled(4, (call) => ask(call, 'POST', '/api-keys', key('acme')))).toEqual({
      made: 0,
      refused: 4,
    });
    expect(await settled(6, (call) => ask(call, 'POST', '/detectors', detector('acme')))).toEqual({
      made: 2,
      refused: 4,
    });
    expect(await settled(6, (call) => bundle(call))).toEqual({ made: 2, refused: 4 });
    for (let call = 0; call < 4; call++) {
      const answers = [
        await ask(call, 'POST', '/api-keys', key('demo'), 'demo'),
        await ask(call, 'POST', '/detectors', detector('demo'), 'demo'),
        await bundle(call, 'demo'),
      ];
      expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);
    }
  });

  it('hold for requests under way, and give the room back [F.4]', async () => {
    const { behavior, release } = held(flags('toxic', 0.9));
    system.detectors.behave('a', behavior);
    const orchestrate = (tenant_id = 'acme') =>
      ask(0, 'POST', '/orchestrate', system.body({ tenant_id }), tenant_id);
    const underWay = [orchestrate(), orchestrate()];
    await system.detectors.called('a', 2);
    expectContractError(await orchestrate(), {
      code: 'RATE_LIMITED',
      detail: 'too_many_concurrent_requests',
    });
    const other = orchestrate('demo');
    release();
    expect((await Promise.all([...underWay, other])).map(({ status }) => status)).toEqual([200, 200, 200]);
    expect((await orchestrate()).status).toBe(200);
  });
});
