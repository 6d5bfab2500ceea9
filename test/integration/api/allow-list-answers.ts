import { randomUUID } from 'node:crypto';
import type { HttpAnswer, System } from '../../support/system';

type Ask = [method: string, route: string, status: number, ask: () => Promise<HttpAnswer<unknown>>];

/** How the answers of the operations on allow-lists are come by, in this order. */
export function allowListAnswers(of: () => System): Ask[] {
  const all = '/allow-list';
  const one = `${all}/{entry_id}`;
  const approve = `${one}/approve`;
  const unknown = `${all}/allow-${randomUUID()}`;
  const proposal = {
    fingerprint: '0123456789abcdef'.repeat(2),
    detector: 'a',
    label: 'email',
    reason: 'documented',
    expires_at: new Date(Date.now() + 86_400_000).toISOString(),
  };
  const send = (method: string, route: string, body?: unknown, principal = 'ann') =>
    of().request(method, route, body, { 'X-Tenant-ID': 'acme', 'X-Principal': principal });
  let entry = '';
  const propose = async (fields: object = {}) => {
    const answer = await send('POST', all, { ...proposal, ...fields });
    const location = answer.headers.get('location');
    if (location) entry = location.replace('/api/v1', '');
    return answer;
  };
  return [
    ['post', all, 201, () => propose()],
    ['post', all, 200, () => propose()],
    ['post', all, 400, () => propose({ fingerprint: 'none' })],
    ['post', all, 409, () => propose({ reason: 'another' })],
    ['get', all, 200, () => send('GET', `${all}?status=pending_approval`)],
    ['get', all, 400, () => send('GET', `${all}?status=unknown`)],
    ['get', one, 200, () => send('GET', entry)],
    ['get', one, 404, () => send('GET', unknown)],
    ['post', approve, 403, () => send('POST', `${entry}/approve`)],
    ['post', approve, 200, () => send('POST', `${entry}/approve`, undefined, 'bob')],
    ['post', approve, 404, () => send('POST', `${unknown}/approve`)],
    ['delete', one, 204, () => send('DELETE', entry)],
    ['delete', one, 404, () => send('DELETE', unknown)],
    ['post', approve, 409, () => send('POST', `${entry}/approve`, undefined, 'bob')],
  ];
}
