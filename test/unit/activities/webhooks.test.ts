import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { getGlobalDispatcher } from 'undici';
import { Webhooks } from '../../../src/activities/webhooks';
import { signedPost } from '../../../src/outbound/signed-post';
import type { WaitingEvent } from '../../../src/contract/endpoint-health';

const secret = `whsec_${Buffer.from('a secret of the test, 32 bytes..').toString('base64')}`;
const body = JSON.stringify({ event: 'health.changed', endpoint_id: 'web' });

describe('Webhooks', () => {
  let server: Server;
  let url: string;
  let status: number;
  let received: { body: string; headers: Record<string, string> }[];
  let outbox: { waiting: WaitingEvent[]; settled: string[]; postponed: [string, number][] };
  let warnings: string[];

  beforeAll(async () => {
    server = createServer((request, response) => {
      let text = '';
      request.on('data', (piece: Buffer) => (text += piece.toString()));
      request.on('end', () => {
        received.push({ body: text, headers: request.headers as Record<string, string> });
        response.writeHead(status).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  });
  beforeEach(() => {
    [status, received, warnings] = [204, [], []];
    outbox = { waiting: [], settled: [], postponed: [] };
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  async function deliver(attempts = 0, to = url, key: string | null = secret): Promise<void> {
    outbox.waiting = [{ event_id: '8f14e45f-ceea-467f-a2d1-3f1c0c4b7a10', url: to, body, attempts }];
    const webhooks = new Webhooks({
      outbox: {
        take: () => Promise.resolve(outbox.waiting),
        settle: async (id) => void outbox.settled.push(id),
        postpone: async (id, ms) => void outbox.postponed.push([id, ms]),
      },
      post: key === null ? null : signedPost(key, { dispatcherFor: () => getGlobalDispatcher() }),
      log: { warn: (_fields, message) => warnings.push(message) },
    });
    await webhooks.deliver(new AbortController().signal);
  }

  it('are signed, so that the receiver can tell by the library of the standard [H7]', async () => {
    await deliver();
    const [{ body: text, headers } = { body: '', headers: {} }] = received;
    expect(new Webhook(secret).verify(text, headers)).toEqual(JSON.parse(body));
    expect(headers['webhook-id']).toBe('8f14e45f-ceea-467f-a2d1-3f1c0c4b7a10');
    expect(() => new Webhook(secret).verify(text.replace('web', 'wep'), headers)).toThrow();
    expect(outbox).toMatchObject({ settled: [headers['webhook-id']], postponed: [] });
  });

  it.each([500, 503, 408, 429])(
    'are tried again after %i, less and less often, and given up',
    async (code) => {
      status = code;
      for (let attempts = 0; attempts < 6; attempts++) await deliver(attempts);
      expect(outbox.postponed.map(([, ms]) => ms)).toEqual([1000, 2000, 4000, 8000, 16_000]);
      expect([outbox.settled.length, warnings]).toEqual([1, ['a webhook is given up']]);
    },
  );

  it('are tried again when nobody answers', async () => {
    await deliver(0, 'http://127.0.0.1:9/');
    expect(outbox.postponed).toHaveLength(1);
  });

  it('are given up at once when they are refused', async () => {
    status = 410;
    await deliver();
    expect(outbox).toMatchObject({ postponed: [], settled: [expect.any(String)] });
  });

  it('are not sent unsigned', async () => {
    await deliver(0, url, null);
    expect([received, warnings]).toEqual([[], ['a webhook is not told: security.webhook_secret is not set']]);
  });
});
