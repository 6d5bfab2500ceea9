import type { TenantOperation } from '../../../src/contract/tenant-operations';
import { eventually } from '../../support/eventually';
import type { HttpAnswer, System } from '../../support/system';

type Ask = [method: string, route: string, status: number, ask: () => Promise<HttpAnswer<unknown>>];

/** How the answers of the operations on tenants are come by. */
export function tenantAnswers(of: () => System): Ask[] {
  const send = (method: string, route: string, body?: unknown) => of().request(method, route, body);
  const put = (fields: object = {}) => send('PUT', '/tenants/umbrella', { name: 'Umbrella', ...fields });
  const one = '/tenants/{tenant_id}';
  const onboarding = `${one}/onboarding`;
  const secret = `${onboarding}/{operation_id}/secret`;
  const exports = `${one}/exports`;
  const file = `${exports}/{operation_id}/files/{file}`;
  const operations = `${one}/operations`;
  const operation = `${operations}/{operation_id}`;
  const nobodys = '00000000-0000-4000-8000-000000000000';
  const to = (path: string, tenant: string, id = nobodys, name = 'tenant.ndjson') =>
    path.replace('{tenant_id}', tenant).replace('{operation_id}', id).replace('{file}', name);
  const begin = (method: string, path: string, tenant: string, body?: unknown) =>
    of().request<TenantOperation>(method, to(path, tenant), body);
  const ended = ({ body: { tenant_id, operation_id } }: HttpAnswer<TenantOperation>) =>
    eventually(
      () => begin('GET', operation.replace('{operation_id}', operation_id), tenant_id),
      ({ body }) => body.status !== 'running',
      { withinMs: 120_000 },
    );
  const onboard = () => begin('POST', onboarding, 'made-for-answers', { name: 'Made for answers' });
  const exported = async () => ended(await begin('POST', exports, 'umbrella'));
  const failed = async () => {
    const { rows } = await of().db.query<{ id: string }>(
      `insert into tenant_operation (operation_id, tenant_id, kind, status, started_by, request_id)
       values (gen_random_uuid(), 'umbrella', 'export', 'failed', 'a test', gen_random_uuid())
       returning operation_id as id`,
    );
    return rows[0]!.id;
  };
  const download = async () => {
    const answer = await send('GET', to(file, 'umbrella', (await exported()).body.operation_id));
    return { ...answer, body: answer.text };
  };
  const leaving = async () => {
    await send('PUT', '/tenants/leaving', { name: 'It leaves', status: 'suspended' });
    return begin('DELETE', one, 'leaving');
  };
  return [
    ['put', one, 200, () => put({ callback_hosts: ['hooks.umbrella.example'], quotas: { bundles: 7 } })],
    ['put', one, 400, () => send('PUT', '/tenants/nobody', {})],
    ['put', one, 400, () => put({ status: 'deleted' })],
    ['get', one, 200, async () => (await put(), send('GET', '/tenants/umbrella'))],
    ['get', one, 400, () => send('GET', '/tenants/a%20b')],
    ['get', one, 404, () => send('GET', '/tenants/nobody')],
    ['delete', one, 202, leaving],
    ['delete', one, 200, async () => (await ended(await leaving()), leaving())],
    ['delete', one, 404, () => send('DELETE', '/tenants/who-never-was')],
    ['delete', one, 409, async () => (await put(), send('DELETE', '/tenants/umbrella'))],
    ['post', onboarding, 202, onboard],
    ['post', onboarding, 200, async () => (await ended(await onboard()), onboard())],
    ['post', onboarding, 400, () => send('POST', to(onboarding, 'umbrella'), {})],
    ['post', onboarding, 409, () => send('POST', to(onboarding, 'umbrella'), { name: 'Another' })],
    [
      'post',
      secret,
      200,
      async () => send('POST', to(secret, 'made-for-answers', (await onboard()).body.operation_id)),
    ],
    ['post', secret, 404, () => send('POST', to(secret, 'umbrella'))],
    [
      'post',
      secret,
      409,
      async () => send('POST', to(secret, 'made-for-answers', (await onboard()).body.operation_id)),
    ],
    ['post', exports, 202, async () => (await put(), begin('POST', exports, 'umbrella'))],
    ['post', exports, 404, () => send('POST', to(exports, 'who-never-was'))],
    ['post', exports, 409, () => send('POST', to(exports, 'leaving'))],
    ['get', file, 200, download],
    ['get', file, 404, () => send('GET', to(file, 'umbrella'))],
    ['get', file, 409, async () => send('GET', to(file, 'umbrella', await failed()))],
    ['get', operations, 200, () => send('GET', to(operations, 'umbrella'))],
    ['get', operations, 404, () => send('GET', to(operations, 'who-never-was'))],
    ['get', operation, 200, () => exported()],
    ['get', operation, 404, () => send('GET', to(operation, 'umbrella'))],
    ['get', '/tenants', 200, () => send('GET', '/tenants')],
    ['get', '/tenants', 400, () => send('GET', '/tenants?limit=0')],
  ];
}
