import type { ErrorResponse, OrchestrationResponse } from '../../../src/contract/answer';
import type { CreatedApiKey } from '../../../src/contract/api-keys';
import { conclave } from '../../support/conclave-command';
import { eventually } from '../../support/eventually';
import { patience } from '../../support/patience';
import { type HttpAnswer, type Part, System, testServers } from '../../support/system';
import { TcpProxy } from '../../support/tcp-proxy';

const redisUrl = process.env['CONCLAVE_TEST_REDIS_URL'];
const withRedis = redisUrl === undefined ? describe.skip : describe;

/** Of the noisy tenant's bundle, and of its key. */
const [ofBundle, ofKey] = [30, 200];
/** How long a caller waits for a verdict at most, whatever others do. */
const slaMs = Number(patience.ORCHESTRATION_ORCHESTRATION__SYNC_REQUEST_SLA_MS);

withRedis('A tenant that floods two facades that share a Redis', () => {
  const proxy = TcpProxy.before(redisUrl ?? 'redis://127.0.0.1:1');
  let system: System;
  let facades: readonly [Part, Part];
  let noisy: CreatedApiKey;
  let quiet: CreatedApiKey;
  beforeAll(async () => {
    await proxy.open();
    system = await System.start({
      detectors: ['a'],
      policies: {
        'noisy/default': { policy: { rate_limit_per_minute: ofBundle } },
        'noisy/wide': { policy: { rate_limit_per_minute: 100_000 } },
        'quiet/default': { policy: {} },
      },
      env: {
        ...patience,
        ORCHESTRATION_SECURITY__AUTH_DISABLED: 'false',
        ORCHESTRATION_REDIS_URL: `redis://${proxy.address}`,
      },
    });
    facades = [system.facade, await system.startPart('api')];
    noisy = await made('noisy', ofKey);
    quiet = await made('quiet', 1_000_000);
  });
  afterAll(async () => {
    await system?.stop();
    await proxy.cut();
  });

  /** A key that both facades have heard of. */
  async function made(tenant: string, rate: number): Promise<CreatedApiKey> {
    const url = new URL(testServers().databaseUrl);
    url.pathname = `/${system.database}`;
    const env = { ORCHESTRATION_DATABASE_URL: url.href, ORCHESTRATION_DATA_DIR: system.dataDir };
    const options = ['--tenant', tenant, '--role', 'tenant_admin', '--rate', String(rate)];
    const { stdout } = await conclave(['api-key', 'create', ...options, '--format', 'json'], env);
    const key = JSON.parse(stdout) as CreatedApiKey;
    const isKnown = async ({ url: at }: Part) =>
      (await fetch(`${at}/api/v1/auth/user`, { headers: { 'X-API-Key': key.api_key } })).status === 200;
    for (const facade of facades) await eventually(() => isKnown(facade), Boolean);
    return key;
  }

  /** Each call is of the other facade than the one before. */
  let calls = 0;
  function ask<T>(key: CreatedApiKey, method: string, route: string, body?: unknown): Promise<HttpAnswer<T>> {
    system.url = facades[calls++ % 2]!.url;
    return system.request<T>(method, route, body, { 'X-API-Key': key.api_key });
  }

  function orchestrate(key: CreatedApiKey, tenant_id: string, policy_bundle = 'default') {
    const body = system.body({ tenant_id, policy_bundle });
    return ask<OrchestrationResponse & ErrorResponse>(key, 'POST', '/orchestrate', body);
  }

  type Refusable = HttpAnswer<ErrorResponse & { code?: string }>;

  /** Calls over and over, several at a time, until it is told to stop. */
  function flood(call: () => Promise<unknown>): { answers: Refusable[]; stop: () => Promise<void> } {
    const answers: Refusable[] = [];
    let isOver = false;
    const callers = Array.from({ length: 6 }, async () => {
      while (!isOver) answers.push((await call()) as Refusable);
    });
    const stop = async () => {
      isOver = true;
      await Promise.all(callers);
    };
    return { answers, stop };
  }

  /** Not for what all of them ask of a busy machine. */
  const isRefused = ({ status, body }: Refusable) => status !== 200 && body.detail !== 'overloaded';
  const isLetIn = ({ status }: Refusable) => status === 200;

  /** Floods while the other tenant calls, and until it has been refused itself. */
  async function floodedBy(call: () => Promise<unknown>): Promise<{ passed: number; refused: Refusable[] }> {
    const { answers, stop } = flood(call);
    try {
      await expectUndisturbed();
      await eventually(
        () => answers.filter(isRefused).length,
        (refused) => refused > 20,
        { withinMs: 60_000 },
      );
    } finally {
      await stop();
    }
    const refused = answers.filter(isRefused);
    return { passed: answers.filter(isLetIn).length, refused };
  }

  /** What the other tenant is answered meanwhile, and the longest that it has waited. */
  async function quietly(times = 25): Promise<{ statuses: number[]; longestMs: number }> {
    const statuses: number[] = [];
    let longestMs = 0;
    for (let time = 0; time < times; time++) {
      const begun = performance.now();
      statuses.push((await orchestrate(quiet, 'quiet')).status);
      longestMs = Math.max(longestMs, performance.now() - begun);
    }
    return { statuses, longestMs };
  }

  async function expectUndisturbed(): Promise<void> {
    const { statuses, longestMs } = await quietly();
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(longestMs).toBeLessThan(slaMs);
  }

  function expectRefusal(answer: Refusable, status: number, limit: number): void {
    const header = (name: string) => Number(answer.headers.get(name) ?? NaN);
    expect([answer.status, answer.body.error_code]).toEqual([status, 'RATE_LIMITED']);
    expect(header('retry-after')).toBeGreaterThanOrEqual(1);
    expect(header('retry-after')).toBeLessThanOrEqual(60);
    for (const prefix of ['ratelimit', 'x-ratelimit']) {
      expect([header(`${prefix}-limit`), header(`${prefix}-remaining`)]).toEqual([limit, 0]);
      expect(header(`${prefix}-reset`)).toBeGreaterThanOrEqual(1);
    }
  }

  /** So many calls may pass, should Redis have been too slow for a busy machine now and then: docs/limits.md. */
  const mayPass = (limit: number, begunAt: number) => {
    const minutes = Math.ceil((performance.now() - begunAt) / 60_000);
    return limit * (1 + facades.length) * minutes;
  };

  it('is refused with headers that say when to come again, while others are answered in time [10.2] [F.13]', async () => {
    const begunAt = performance.now();
    const { passed, refused } = await floodedBy(() => orchestrate(noisy, 'noisy'));
    expect(passed).toBeGreaterThanOrEqual(ofBundle);
    expect(passed).toBeLessThanOrEqual(mayPass(ofBundle, begunAt));
    for (const answer of refused) expectRefusal(answer, 403, ofBundle);
  });

  it('is told so with 429 where the gateway is asked, and nobody else is [10.2] [F.13]', async () => {
    const { refused } = await floodedBy(() => ask(noisy, 'GET', '/registry/stats'));
    for (const answer of refused) {
      expectRefusal(answer, 429, ofKey);
      expect(answer.body.code).toBe('RATE_LIMITED');
    }
    expect((await ask(quiet, 'GET', '/registry/stats')).status).toBe(200);
  });

  it('inside its limits has no more than its share: others are answered in time [F.13]', async () => {
    const wide = await made('noisy', 1_000_000);
    const { answers, stop } = flood(() => orchestrate(wide, 'noisy', 'wide'));
    await expectUndisturbed().finally(stop);
    expect(answers.filter(isLetIn).length).toBeGreaterThan(0);
    expect(answers.filter(isRefused)).toEqual([]);
  });

  it('is held by each facade for itself while Redis is away: nobody is refused for that, nor let in for ever [F.13]', async () => {
    await proxy.cut();
    try {
      const begunAt = performance.now();
      const { answers, stop } = flood(() => orchestrate(noisy, 'noisy'));
      // Each has to come to its own limit.
      const bothRefuse = async () => {
        const both = await Promise.all([0, 1].map(() => orchestrate(noisy, 'noisy')));
        return both.every(isRefused);
      };
      await expectUndisturbed()
        .then(() => eventually(bothRefuse, Boolean, { withinMs: 60_000 }))
        .finally(stop);
      const passed = answers.filter(isLetIn);
      expect(passed.length).toBeLessThanOrEqual(mayPass(ofBundle, begunAt));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 403]));
    } finally {
      await proxy.open();
    }
  });
});
