import { findings, status } from '../../support/fake-detectors';
import { eventually } from '../../support/eventually';
import { type Part, System } from '../../support/system';

interface Info {
  readonly state: string;
  readonly failure_count: number;
  readonly transitions: readonly { readonly from: string; readonly to: string }[];
}

describe('breakers of two facades on one store', () => {
  let system: System;
  let facades: [Part, Part];
  beforeAll(async () => {
    system = await System.start({
      detectors: [{ name: 'a', max_retries: 0 }, 'b'],
      policies: { 'demo/default': { policy: { required_detectors: ['a', 'b'] } } },
      env: {
        ORCHESTRATION_ORCHESTRATION__CIRCUIT_BREAKER_RECOVERY_TIMEOUT_SECONDS: '3',
        ORCHESTRATION_ORCHESTRATION__SYNC_REQUEST_SLA_MS: '20000',
        ORCHESTRATION_ORCHESTRATION__SYNC_TO_ASYNC_THRESHOLD_MS: '19500',
        ORCHESTRATION_ORCHESTRATION__CACHE_ENABLED: 'false',
      },
    });
    facades = [system.facade, await system.startPart('api')];
  });
  beforeEach(() => system.detectors.reset());
  afterAll(() => system?.stop());

  const at = <T>(facade: Part, send: () => Promise<T>): Promise<T> => {
    system.url = facade.url;
    return send();
  };
  const orchestrateAt = (facade: Part) => at(facade, () => system.orchestrate());
  const infoAt = async (facade: Part, id = 'a@1.0') =>
    (await at(facade, () => system.request<Info>('GET', `/circuit-breaker/endpoints/${id}`))).body;
  const force = (facade: Part, action: 'trip' | 'reset', id = 'a@1.0') =>
    at(facade, () => system.request('POST', `/circuit-breaker/${action}/${id}`));
  const resultOf = ({ body }: Awaited<ReturnType<typeof orchestrateAt>>, name = 'a') =>
    body.detector_results.find(({ detector }) => detector === name);
  const within1s = { withinMs: 1000 };

  it('tripped at one, a detector is refused at the other within a second, and asked again after a reset [B6] [4.2]', async () => {
    const [a, b] = facades;
    expect((await force(a, 'trip')).body).toMatchObject({ state: 'open' });
    await eventually(
      () => infoAt(b),
      ({ state }) => state === 'open',
      within1s,
    );
    const refused = await orchestrateAt(b);
    expect([refused.status, resultOf(refused)]).toMatchObject([
      206,
      { status: 'unavailable', error: 'circuit_open' },
    ]);
    expect(refused.body.routing_decision.health_status).toMatchObject({ a: false, b: true });
    expect(system.detectors.calls.filter(({ detector }) => detector === 'a')).toEqual([]);
    await force(b, 'reset');
    await eventually(
      () => infoAt(a),
      ({ state }) => state === 'closed',
      within1s,
    );
    expect((await orchestrateAt(a)).status).toBe(200);
  });

  it('opens on failures seen at both, tries after the recovery time, and closes on three successes [4.2] [14.2]', async () => {
    const [a, b] = facades;
    system.detectors.behave('a', status(500));
    const answers = [];
    for (const facade of [a, a, a]) answers.push(await orchestrateAt(facade));
    await eventually(
      () => infoAt(b),
      ({ failure_count }) => failure_count >= 3,
      { withinMs: 5000 },
    );
    for (const facade of [b, b]) answers.push(await orchestrateAt(facade));
    expect(answers.map((answer) => resultOf(answer)?.error?.split(':')[0])).toEqual(
      Array(5).fill('http_5xx'),
    );
    for (const facade of facades)
      await eventually(
        () => infoAt(facade),
        ({ state }) => state !== 'closed',
        within1s,
      );
    expect(await at(a, () => system.request('GET', '/detectors/a/health'))).toMatchObject({
      body: { circuit_breaker_state: expect.stringMatching(/open/) as string },
    });

    system.detectors.behave('a', findings());
    await eventually(
      () => infoAt(a),
      ({ state }) => state === 'half_open',
      { withinMs: 10_000 },
    );
    const before = system.detectors.calls.filter(({ detector }) => detector === 'a').length;
    await eventually(
      async () => {
        await orchestrateAt(a);
        return infoAt(a);
      },
      ({ state }) => state === 'closed',
      { withinMs: 20_000 },
    );
    expect(system.detectors.calls.filter(({ detector }) => detector === 'a').length - before).toBe(3);
    await eventually(
      () => infoAt(b),
      ({ state }) => state === 'closed',
      within1s,
    );
    const { transitions } = await infoAt(b);
    expect(transitions.slice(-3).map(({ from, to }) => `${from} > ${to}`)).toEqual([
      'closed > open',
      'open > half_open',
      'half_open > closed',
    ]);
  });

  it('is still open after a restart [4.2] [F.13]', async () => {
    await force(facades[0], 'trip', 'b');
    await facades[1].kill();
    facades[1] = await system.startPart('api', {
      ORCHESTRATION_ORCHESTRATION__CIRCUIT_BREAKER_RECOVERY_TIMEOUT_SECONDS: '600',
    });
    expect(await infoAt(facades[1], 'b@1.0')).toMatchObject({ state: 'open' });
    await force(facades[0], 'reset', 'b');
  });
});
