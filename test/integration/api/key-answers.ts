import { randomUUID } from 'node:crypto';
import type { KeyRotation } from '../../../src/contract/keys-api';
import type { HttpAnswer, System } from '../../support/system';

type Ask = [method: string, route: string, status: number, ask: () => Promise<HttpAnswer<unknown>>];

const all = '/keys/rotations';
const one = '/keys/rotations/{rotation_id}';

/** How the answers of the operations on keys are come by; something was judged for demo by then. */
export function keyAnswers(of: () => System): Ask[] {
  const send = (method: string, path: string, body?: unknown) =>
    of().request<KeyRotation>(method, path, body);
  return [
    ['get', '/keys', 200, () => send('GET', '/keys')],
    ['post', all, 200, () => send('POST', all, { dry_run: true })],
    ['post', all, 200, () => send('POST', all, { dry_run: true, tenant_id: 'demo' })],
    ['post', all, 200, () => send('POST', all, { dry_run: true, kind: 'tenant_keys' })],
    ['post', all, 202, () => send('POST', all, { tenant_id: 'demo' })],
    ['post', all, 202, () => send('POST', all, { kind: 'tenant_keys' })],
    ['post', all, 202, () => send('POST', all, {})],
    ['post', all, 400, () => send('POST', all, { tenant: 'demo' })],
    ['post', all, 400, () => send('POST', all, { kind: 'tenant_keys', tenant_id: 'demo' })],
    ['post', all, 404, () => send('POST', all, { tenant_id: 'who-never-sealed' })],
    ['get', all, 200, () => send('GET', all)],
    ['get', all, 200, () => send('GET', `${all}?part_of=${randomUUID()}`)],
    ['get', all, 400, () => send('GET', `${all}?part_of=another`)],
    [
      'get',
      one,
      200,
      async () => send('GET', `${all}/${(await send('POST', all, { tenant_id: 'demo' })).body.rotation_id}`),
    ],
    ['get', one, 404, () => send('GET', `${all}/${randomUUID()}`)],
    ['get', one, 404, () => send('GET', `${all}/nothing`)],
  ];
}
