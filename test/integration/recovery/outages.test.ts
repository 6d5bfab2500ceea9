import { errorResponseSchema } from '../../../src/contract/answer';
import { findings } from '../../support/fake-detectors';
import { type HttpAnswer, System, testServers } from '../../support/system';
import { TcpProxy } from '../../support/tcp-proxy';
import { finalStatus, hangingUntilSwitched, insist, repeatable, send, settled } from './support';

const servers = testServers();

describe('servers that go away', () => {
  let system: System;
  let healthy: string;
  const proxies: TcpProxy[] = [];
  beforeAll(async () => {
    system = await System.start();
    healthy = system.url;
  });
  afterAll(async () => {
    await Promise.all(proxies.map((proxy) => proxy.cut()));
    await system?.stop();
  });
  beforeEach(() => {
    system.detectors.reset();
    system.url = healthy;
  });

  it('all database connections broken: requests are answered or fail whole, and every process lives on', async () => {
    const hanging = hangingUntilSwitched(findings());
    system.detectors.behave('c', hanging.behavior);
    const requests = Array.from({ length: 12 }, (_, n) =>
      repeatable(system, n % 3 === 0 ? 'async' : 'sync', n % 2 === 0),
    );
    const answers = requests.map((request) => send(system, request));
    await system.detectors.called('c');
    for (let round = 0; round < 3; round++) {
      await system.db.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()`,
      );
    }
    hanging.switch();
    for (const answer of await Promise.all(answers)) expect([200, 202, 500]).toContain(answer?.status);
    for (const request of requests.filter(({ headers }) => 'idempotency-key' in headers)) {
      expect(await finalStatus(system, await insist(system, request))).toBe('completed');
    }
    await settled(system);
    expect(system.parts.map((part) => part.process.exitCode)).toEqual([null, null]);
    expect([200, 202]).toContain((await system.orchestrate()).status);
  });

  it.each(['cut', 'stall'] as const)(
    'store %s: INTERNAL_ERROR, and service again when it is back',
    async (how) => {
      const proxy = await proxyBefore(servers.databaseUrl);
      const through = new URL(servers.databaseUrl);
      through.host = proxy.address;
      through.pathname = `/${system.database}`;
      await system.startPart('api', { ORCHESTRATION_DATABASE_URL: through.href });
      expect([200, 202]).toContain((await system.orchestrate()).status);
      await proxy[how]();
      const answers = await Promise.all(requestsOfAllKinds().map((request) => send(system, request)));
      for (const answer of answers) expectInternalError(answer);
      if (how === 'stall') await proxy.cut();
      await proxy.open();
      expect([200, 202]).toContain((await insist(system, repeatable(system, 'sync', true))).status);
    },
  );

  it('workflow engine cut: INTERNAL_ERROR, and the key serves again once it is back', async () => {
    const proxy = await proxyBefore(servers.temporalAddress);
    await system.startPart('api', { ORCHESTRATION_WORKFLOW__ADDRESS: proxy.address });
    expect([200, 202]).toContain((await system.orchestrate()).status);
    await proxy.cut();
    const requests = requestsOfAllKinds();
    for (const answer of await Promise.all(requests.map((request) => send(system, request)))) {
      expectInternalError(answer);
    }
    await proxy.open();
    for (const request of requests) {
      expect(await finalStatus(system, await insist(system, request))).toBe('completed');
    }
    await settled(system);
  });

  function requestsOfAllKinds() {
    return (['sync', 'async'] as const).flatMap((mode) => [
      repeatable(system, mode, true),
      repeatable(system, mode, false),
    ]);
  }

  function expectInternalError(answer: HttpAnswer<unknown> | null): void {
    expect(answer?.status).toBe(500);
    expect(errorResponseSchema.parse(answer?.body)).toMatchObject({
      error_code: 'INTERNAL_ERROR',
      retryable: false,
      fallback_used: true,
      response: null,
    });
  }

  async function proxyBefore(address: string): Promise<TcpProxy> {
    const proxy = TcpProxy.before(address);
    await proxy.open();
    proxies.push(proxy);
    return proxy;
  }
});
