import type { ErrorResponse, OrchestrationResponse } from '../../../src/contract/answer';
import type { CreatedApiKey } from '../../../src/contract/api-keys';
import { expectContractError } from '../../support/contract-error';
import { conclave } from '../../support/conclave-command';
import { eventually } from '../../support/eventually';
import { patience } from '../../support/patience';
import { type HttpAnswer, type Part, System, testServers } from '../../support/system';
import { read, sumOf } from '../telemetry/page';

const redisUrl = process.env['CONCLAVE_TEST_REDIS_URL'];
const withRedis = redisUrl === undefined ? describe.skip : describe;

withRedis('Limits of two facades that share a Redis', () => {
  let system: System;
  let facades: readonly [Part, Part];
  let env: Record<string, string>;
  let admin: CreatedApiKey;

  beforeAll(async () => {
    system = await System.start({
      detectors: ['a'],
      policies: {
        'acme/default': { policy: { rate_limit_per_minute: 100 } },
        'acme/limited': { policy: { rate_limit_per_minute: 4 } },
      },
      env: {
        ...patience,
        ORCHESTRATION_SECURITY__AUTH_DISABLED: 'false',
        ORCHESTRATION_REDIS_URL: redisUrl!,
      },
    });
    const url = new URL(testServers().databaseUrl);
    url.pathname = `/${system.database}`;
    env = { ORCHESTRATION_DATABASE_URL: url.href, ORCHESTRATION_DATA_DIR: system.dataDir };
    facades = [system.facade, await system.startPart('api')];
    admin = await made('--platform', '--role', 'super_admin');
  });
  afterAll(() => system?.stop());

  /** A key that both facades have heard of. */
  async function made(...options: string[]): Promise<CreatedApiKey> {
    const { code, stdout } = await conclave(['api-key', 'create', ...options, '--format', 'json'], env);
    expect(code).toBe(0);
    const key = JSON.parse(stdout) as CreatedApiKey;
    for (const facade of facades) {
      await eventually(
        async () => (await fetch(`${facade.url}/api/v1/auth/user`, { headers: header(key) })).status,
        (status) => status !== 401,
      );
    }
    return key;
  }

  const header = ({ api_key }: CreatedApiKey) => ({ 'X-API-Key': api_key });

  function ask<T>(facade: 0 | 1, method: string, route: string, key: CreatedApiKey, body?: unknown) {
    system.url = facades[facade].url;
    return system.request<T>(method, route, body, header(key));
  }

  function orchestrate(facade: 0 | 1, key: CreatedApiKey, overrides: object = {}) {
    return ask<OrchestrationResponse & ErrorResponse>(
      facade,
      'POST',
      '/orchestrate',
      key,
      system.body({ tenant_id: 'acme', ...overrides }),
    );
  }

  const remaining = ({ headers }: HttpAnswer<unknown>) => Number(headers.get('ratelimit-remaining'));

  it('hold for a tenant’s bundle over both, whichever key calls, and are counted [F.5] [F.13] [10.2]', async () => {
    const keys = [
      await made('--tenant', 'acme', '--role', 'operator'),
      await made('--tenant', 'acme', '--role', 'operator'),
    ];
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, call) =>
        orchestrate((call % 2) as 0 | 1, keys[(call >> 1) % 2]!, { policy_bundle: 'limited' }),
      ),
    );
    const allowed = answers.filter(({ status }) => status === 200);
    expect(allowed.map(remaining).toSorted()).toEqual([0, 1, 2, 3]);
    for (const refused of answers.filter(({ status }) => status !== 200)) {
      const { retry_after_seconds: wait } = expectContractError(refused, { code: 'RATE_LIMITED' });
      expect(wait).toBe(Number(refused.headers.get('retry-after')));
      expect(refused.headers.get('x-ratelimit-limit')).toBe('4');
    }
    expect((await orchestrate(0, keys[0]!)).status).toBe(200);
    // Of all processes, each of which tells the others now and then.
    const counted = async () => {
      const series = read(
        await (await fetch(`${facades[0].url}/metrics`, { headers: header(admin) })).text(),
      );
      return ['allowed', 'limited'].map((action) =>
        sumOf(series, 'orchestrator_rate_limit_requests_total', {
          endpoint: 'orchestrate',
          tenant: 'acme',
          action,
        }),
      );
    };
    await eventually(counted, ([allowed, limited]) => allowed === 5 && limited === 8);
  });

  it('hold for a key over both, on every route, and leave other keys alone [F.5] [F.13]', async () => {
    const key = await made('--tenant', 'acme', '--role', 'operator', '--rate', '40');
    const first = await ask<object>(0, 'GET', '/policies', key);
    const left = remaining(first);
    expect(first.headers.get('ratelimit-limit')).toBe('40');
    const invalid = await ask<ErrorResponse>(1, 'POST', '/orchestrate', key, {});
    expect([invalid.status, remaining(invalid)]).toEqual([400, left - 1]);
    const answers: HttpAnswer<unknown>[] = [];
    for (let call = 0; call < left + 1; call++)
      answers.push(await ask(((call + 1) % 2) as 0 | 1, 'GET', '/detectors', key));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(left - 1);
    expectContractError(answers.at(-1) as HttpAnswer<ErrorResponse>, { code: 'RATE_LIMITED' });
    expectContractError(await orchestrate(0, key), { code: 'RATE_LIMITED' });
    expectContractError(await ask<ErrorResponse>(0, 'POST', '/orchestrate', key, {}), {
      code: 'RATE_LIMITED',
    });
    const gateway = await ask<{ code: string }>(1, 'GET', '/registry/stats', key);
    expect([gateway.status, gateway.body.code]).toEqual([429, 'RATE_LIMITED']);
    expect((await ask(0, 'GET', '/health', key)).status).toBe(200);
    const other = await made('--tenant', 'acme', '--role', 'operator');
    expect((await ask(0, 'GET', '/detectors', other)).status).toBe(200);
  });
});
