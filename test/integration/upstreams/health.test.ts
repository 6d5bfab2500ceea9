import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually } from '../../support/eventually';
import { type Part, System } from '../../support/system';

interface Health {
  readonly status: string;
  readonly consecutive_failures: number;
  readonly history: readonly { readonly ok: boolean }[];
}

/** A detector's server that a test switches off and on at one address. */
class Switchable {
  #server: Server | null = null;
  #port = 0;
  probes = 0;

  async on(): Promise<void> {
    this.#server = createServer((request, response) => {
      if (request.url === '/health') this.probes += 1;
      request.resume();
      request.on('end', () => {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(request.url === '/health' ? '{}' : '[[]]');
      });
    });
    await new Promise<void>((resolve) => this.#server!.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async off(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((resolve) => this.#server?.close(resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }
}

describe('health of upstreams, with two facades and a worker', () => {
  const detector = new Switchable();
  let system: System;
  let facades: [Part, Part];
  beforeAll(async () => {
    await detector.on();
    system = await System.start({
      detectors: ['a', { name: 'shaky', endpoint: detector.url, max_retries: 0 }],
      policies: { 'demo/default': { policy: { required_detectors: ['a', 'shaky'] } } },
      env: {
        ORCHESTRATION_ORCHESTRATION__HEALTH_CHECK_INTERVAL_SECONDS: '1',
        ORCHESTRATION_ORCHESTRATION__SUSPECT_PROBE_INTERVAL_SECONDS: '1',
        ORCHESTRATION_ORCHESTRATION__RECOVERY_CHECK_INTERVAL_SECONDS: '1',
        ORCHESTRATION_ORCHESTRATION__SYNC_REQUEST_SLA_MS: '20000',
        ORCHESTRATION_ORCHESTRATION__SYNC_TO_ASYNC_THRESHOLD_MS: '19500',
        ORCHESTRATION_ORCHESTRATION__CACHE_ENABLED: 'false',
      },
    });
    facades = [system.facade, await system.startPart('api')];
  });
  afterAll(async () => {
    await system?.stop();
    await detector.off();
  });

  async function healthAt(facade: Part): Promise<Health> {
    system.url = facade.url;
    return (await system.request<Health>('GET', '/health/endpoints/shaky@1.0')).body;
  }
  const within = { withinMs: 30_000 };

  it('is watched by one durable monitor, however many processes there are [H1]', async () => {
    const handle = system.temporal.workflow.getHandle(`${system.taskQueue}-health-monitor`);
    await eventually(
      () => handle.describe().catch(() => null),
      (found) => found?.raw.pendingActivities?.length === 1,
      within,
    );
    const before = (await healthAt(facades[0])).history.length;
    await eventually(
      () => healthAt(facades[0]),
      ({ history }) => history.length > Math.min(before + 2, 19),
      within,
    );
  });

  it('takes a detector that stops off all facades, answers without it, and takes it back [4] [4.1] [14.2] [F.1] [F.7]', async () => {
    await detector.off();
    for (const facade of facades)
      await eventually(
        () => healthAt(facade),
        ({ status }) => status === 'unhealthy',
        within,
      );
    const answer = await system.orchestrate();
    expect(answer.status).toBe(206);
    expect(answer.body.routing_decision.health_status).toEqual({ a: true, shaky: false });
    expect(answer.body.detector_results.find((result) => result.detector === 'shaky')).toMatchObject({
      status: 'unavailable',
      error: 'unhealthy',
    });
    const { body } = await system.request<{ count: number }>('GET', '/health/unhealthy');
    expect(body.count).toBe(1);
    await detector.on();
    for (const facade of facades)
      await eventually(
        () => healthAt(facade),
        ({ status }) => status === 'healthy',
        within,
      );
    expect((await system.orchestrate()).status).toBe(200);
  });

  it('is checked by hand, and its history outlives a restart [H5] [H6]', async () => {
    const checked = await eventually(
      () => system.request('POST', '/health/check/shaky'),
      ({ status }) => status === 200,
    );
    expect(checked.body).toMatchObject({ success: true, result: { ok: true } });
    const { history } = await healthAt(facades[0]);
    await facades[1].kill();
    facades[1] = await system.startPart('api');
    expect((await healthAt(facades[1])).history.length).toBeGreaterThanOrEqual(Math.min(history.length, 20));
    expect(await system.request('GET', '/health/status')).toMatchObject({
      status: 200,
      body: { system_status: 'healthy', summary: { total_endpoints: 2, healthy_endpoints: 2 } },
    });
  });
});
