import { randomUUID } from 'node:crypto';
import type { HttpAnswer, System } from '../../support/system';

type Ask = [method: string, route: string, status: number, ask: () => Promise<HttpAnswer<unknown>>];

const explain = '/orchestrate/{request_id}/explain';

/** How the answers about decisions are come by. @param text an answer that is no JSON */
export function decisionAnswers(
  of: () => System,
  text: (route: string) => Promise<HttpAnswer<unknown>>,
): Ask[] {
  const get = (route: string) => of().request('GET', route, undefined, { 'x-tenant-id': 'demo' });
  return [
    [
      'get',
      explain,
      200,
      async () => get(explain.replace('{request_id}', (await of().orchestrate()).body.request_id)),
    ],
    ['get', explain, 404, () => get(explain.replace('{request_id}', randomUUID()))],
    ['get', '/policies/decisions', 200, () => get('/policies/decisions?limit=1')],
    ['get', '/policies/decisions', 400, () => get('/policies/decisions?limit=0')],
    ['get', '/policies/decisions/export', 200, () => text('/policies/decisions/export')],
    ['get', '/policies/decisions/export', 400, () => get('/policies/decisions/export?outcome=maybe')],
  ];
}
