import { randomUUID } from 'node:crypto';
import { eventually } from '../../support/eventually';
import type { HttpAnswer, System } from '../../support/system';

type Ask = [method: string, route: string, status: number, ask: () => Promise<HttpAnswer<unknown>>];

const one = '/audit/{request_id}';

/** How the answers about the audit log are come by. @param text an answer that is no JSON */
export function auditAnswers(of: () => System, text: (route: string) => Promise<HttpAnswer<unknown>>): Ask[] {
  const get = (route: string) => of().request('GET', route, undefined, { 'x-tenant-id': 'demo' });
  const trailOf = (requestId: string) => get(one.replace('{request_id}', requestId));
  return [
    [
      'get',
      one,
      200,
      async () => {
        const { request_id: requestId } = (await of().orchestrate()).body;
        const sealed = (answer: HttpAnswer<unknown>) =>
          (answer.body as { records: { hash: string | null }[] }).records[0]!.hash !== null;
        return eventually(() => trailOf(requestId), sealed);
      },
    ],
    ['get', one, 404, () => trailOf(randomUUID())],
    ['get', one, 404, () => trailOf('nothing')],
    ['get', '/audit', 200, () => get('/audit?limit=1&kind=orchestration')],
    ['get', '/audit', 400, () => get('/audit?kind=NONE')],
    ['get', '/audit/export', 200, () => text('/audit/export')],
    ['get', '/audit/export', 200, () => text('/audit/export?format=cef')],
    ['get', '/audit/export', 200, () => text('/audit/export?format=syslog&from=2026-01-01T00:00:00Z')],
    ['get', '/audit/export', 400, () => get('/audit/export?format=xml')],
    ['get', '/audit/verify', 200, () => get('/audit/verify')],
    ['get', '/audit/verify', 400, () => get('/audit/verify?from=yesterday')],
  ];
}
