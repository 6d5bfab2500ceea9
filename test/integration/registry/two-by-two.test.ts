import { setTimeout as delay } from 'node:timers/promises';
import type { OrchestrationResponse } from '../../../src/contract/answer';
import { eventually } from '../../support/eventually';
import { flags } from '../../support/fake-detectors';
import { patience } from '../../support/patience';
import { type HttpAnswer, type Part, System } from '../../support/system';

const bad = /078-05-1120|hate you|previous instructions|AKIA|bash -i/;

describe('two facades and two workers on one store', () => {
  let system: System;
  let a: Part;
  let b: Part;
  beforeAll(async () => {
    system = await System.start({
      parts: ['api', 'api', 'worker', 'worker'],
      env: patience,
      detectors: ['steady'],
      policies: {
        'demo/default': { policy: { required_detectors: ['steady'] } },
        'demo/both': { policy: { required_detectors: ['steady', 'leaving'] } },
      },
    });
    [a, b] = system.parts.filter(({ kind }) => kind === 'api') as [Part, Part];
  });
  afterAll(() => system?.stop());

  const at = (part: Part): System => {
    system.url = part.url;
    return system;
  };
  const register = (part: Part, body: object, headers = {}) =>
    at(part).request<{ message: string }>(
      'POST',
      '/detectors',
      { endpoint: system.detectors.url, ...body },
      headers,
    );
  const resultOf = ({ body }: HttpAnswer, name: string) =>
    body.detector_results?.find(({ detector }) => detector === name);

  it('serves at B within a second what was registered at A [3] [3.2]', async () => {
    system.detectors.behave('toxicity-new', flags('toxic', 0.9));
    const registered = await register(a, { name: 'toxicity-new' });
    expect(registered.status).toBe(201);
    const acknowledged = Date.now();
    const answer = await eventually(
      () => at(b).orchestrate({ required_detectors: ['toxicity-new'] }),
      ({ status }) => status === 200,
      { withinMs: 5000, everyMs: 20 },
    );
    expect(Date.now() - acknowledged).toBeLessThan(1000);
    expect(resultOf(answer, 'toxicity-new')).toMatchObject({
      status: 'success',
      output: 'toxic',
      confidence: 0.9,
    });
  });

  it('refuses a detector that flags nothing, or is not there, with the reason [R8]', async () => {
    const blind = await register(a, { name: 'toxicity-blind' });
    expect(blind.status).toBe(422);
    expect(blind.body).toMatchObject({
      code: 'ENDPOINT_UNREACHABLE',
      details: { reason: 'it said clean of a sample that it must flag' },
    });
    expect(system.detectors.callsOf('toxicity-blind')[0]!.contents[0]).toMatch(bad);
    const gone = await register(a, { name: 'gone', endpoint: 'http://127.0.0.1:1' });
    expect([gone.status, gone.body.message]).toEqual([422, expect.stringContaining('ECONNREFUSED')]);
    expect((await register(a, { name: 'toxicity-new' }, {})).status).toBe(409);
    expect((await register(a, { name: 'toxicity-blind', force: true })).status).toBe(201);
  });

  it('registers once what is registered at both at once [R3]', async () => {
    const racing = Array.from({ length: 20 }, (_, index) =>
      register(index % 2 === 0 ? a : b, { name: 'raced', verify: false }),
    );
    const statuses = (await Promise.all(racing)).map(({ status }) => status).toSorted();
    expect(statuses).toEqual([201, ...Array<number>(19).fill(409)]);
  });

  it('splits traffic by key, the same at A and B; a step of a canary moves its share and nobody else [3]', async () => {
    await register(a, { name: 'split', verify: false });
    await register(a, { name: 'split', version: '2.0', verify: false });
    const keys = Array.from({ length: 100 }, (_, index) => `split-${index}`);
    const give = async (percent: number) => {
      const versions = { '1.0': 100 - percent, '2.0': percent };
      const given = await at(a).request('PUT', '/detectors/split/traffic', { versions });
      expect(given.status).toBe(200);
    };
    const versionOf = async (part: Part, key: string) => {
      const answer = await at(part).orchestrate(
        { required_detectors: ['split'] },
        { 'idempotency-key': key },
      );
      expect(answer.status).toBe(200);
      return resultOf(answer, 'split')?.metadata?.['detector_version'];
    };
    /** Where each key goes; asked anew, as if it had never been answered. */
    const versionsAt = async (part: Part) => {
      await system.db.query('delete from idempotency');
      const versions = new Map<string, unknown>();
      await Promise.all(keys.map(async (key) => versions.set(key, await versionOf(part, key))));
      return versions;
    };
    const twos = (versions: ReadonlyMap<string, unknown>) =>
      keys.filter((key) => versions.get(key) === '2.0');

    await give(25);
    const first = await versionsAt(a);
    // B knows within a second of the acknowledgement: one of its own shows that it does.
    await eventually(
      async () => {
        await system.db.query('delete from idempotency');
        return (await versionOf(b, twos(first)[0]!)) === '2.0';
      },
      (knows) => knows,
    );
    expect(await versionsAt(b)).toEqual(first);
    // Where these keys fall is always the same.
    expect(twos(first).length).toBeGreaterThan(15);
    expect(twos(first).length).toBeLessThan(35);

    await give(50);
    const second = await versionsAt(a);
    expect(twos(second)).toEqual(expect.arrayContaining(twos(first)));
    const moved = twos(second).length - twos(first).length;
    expect(moved).toBeGreaterThan(15);
    expect(moved).toBeLessThan(35);

    await give(100);
    expect(twos(await versionsAt(a))).toEqual(keys);
  });

  it('forgets a detector that registered itself and is not heard of', async () => {
    await register(a, { name: 'beating', verify: false, ttl_seconds: 5 });
    const beat = await at(b).request('POST', '/detectors/beating/heartbeat');
    expect(beat.status).toBe(204);
    await eventually(
      async () => (await at(b).request('GET', '/detectors/beating')).status,
      (status) => status === 404,
    );
    expect((await at(a).request('POST', '/detectors/beating/heartbeat')).status).toBe(404);
  });

  it("keeps a tenant's own detector from every other tenant", async () => {
    const headers = { 'X-Tenant-ID': 'acme' };
    expect((await register(a, { name: 'private', verify: false }, headers)).status).toBe(201);
    const seen = async (tenant: string) =>
      (await at(a).request('GET', '/detectors/private', undefined, { 'X-Tenant-ID': tenant })).status;
    expect([await seen('acme'), await seen('other')]).toEqual([200, 404]);
    const remove = (tenant: string) =>
      at(a).request('DELETE', '/detectors/private', undefined, { 'X-Tenant-ID': tenant });
    expect([(await remove('other')).status, (await remove('acme')).status]).toEqual([404, 204]);
  });

  it('takes a detector out under 50 requests a second: no answer fails, and coverage says so [3.2]', async () => {
    await register(a, { name: 'leaving', verify: false });
    const send = async (part: Part) => {
      const response = await fetch(`${part.url}/api/v1/orchestrate`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(system.body({ policy_bundle: 'both' })),
      });
      return { status: response.status, body: (await response.json()) as OrchestrationResponse };
    };
    await eventually(
      async () => [(await send(a)).status, (await send(b)).status].join(),
      (both) => both === '200,200',
    );

    const answers: Promise<Awaited<ReturnType<typeof send>>>[] = [];
    let removal: Promise<HttpAnswer<unknown>> | null = null;
    // The load is open: its pace is part of what is tested, not something that is waited for.
    for (let sent = 0; sent < 150; sent++) {
      answers.push(send(sent % 2 === 0 ? a : b));
      if (sent === 50) removal = at(a).request('DELETE', '/detectors/leaving');
      await delay(20);
    }
    expect((await removal!).status).toBe(204);
    const all = await Promise.all(answers);
    expect(new Set(all.map(({ status }) => status))).toEqual(new Set([200, 206]));
    for (const { status, body } of all) {
      const left = body.detector_results.find(({ detector }) => detector === 'leaving')!;
      expect(left.status === 'success').toBe(status === 200);
      expect(body.coverage_achieved).toBe(status === 200 ? 1 : 0.5);
      if (status === 206) expect(['not_registered', 'unhealthy']).toContain(left.error);
    }
    const late = await Promise.all([send(a), send(b)]);
    expect(late.map(({ status }) => status)).toEqual([206, 206]);
  });

  it('shows upstreams of every kind, their file and its versions at both [R6] [C5]', async () => {
    for (const part of [a, b]) {
      const stats = await at(part).request<{ registry_stats: { total: number } }>('GET', '/registry/stats');
      const list = await at(part).request<{ total_count: number }>(
        'GET',
        '/registry/endpoints?source=config',
      );
      const status = await at(part).request<{ loaded: boolean; version: string }>('GET', '/config/status');
      expect(list.body.total_count).toBe(1);
      expect(stats.body.registry_stats.total).toBeGreaterThan(1);
      expect(status.body).toMatchObject({ loaded: true, version: expect.stringMatching(/^1-[0-9a-f]{12}$/) });
    }
    const reload = await at(b).request('POST', '/config/reload');
    expect(reload.body).toMatchObject({ success: true, changes: { unchanged_count: 1 } });
  });
});
