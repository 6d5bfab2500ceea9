import type { Response } from 'express';
import { RateLimit } from '../../../src/api/rate-limit';
import { anonymous, type Identity } from '../../../src/contract/identity';
import { CountsInMemory } from '../../../src/store/rate-counts';
import { CountsInRedis } from '../../../src/store/rate-counts-in-redis';
import { UnderWayInMemory } from '../../../src/store/under-way';
import { RedisGuard } from '../../../src/store/redis-guard';

const limited = { endpoint: 'orchestrate', tenantId: 'acme', bundle: 'default' } as const;
const refused = { code: 'RATE_LIMITED' };
const keyOf = (tokenId: string, perMinute?: number): Identity => ({
  ...anonymous,
  method: 'api_key',
  tenantId: 'acme',
  tokenId,
  ...(perMinute !== undefined && { perMinute }),
});

/** An answer to a call, and the headers that it gets. */
function answerTo(identity: Identity, path = '/api/v1/orchestrate') {
  const headers = new Map<string, number>();
  const locals = { identity };
  const response = {
    locals,
    req: { res: { locals }, originalUrl: path },
    setHeader: (name: string, value: number) => headers.set(name.toLowerCase(), value),
  } as unknown as Response;
  return { headers, response };
}

function limit(perMinute = 100) {
  return new RateLimit({ counts: new CountsInMemory(), underWay: new UnderWayInMemory(), perMinute });
}

describe('The rate limit', () => {
  it('counts a call under its bundle and its key at once, and says the tightest [F.5]', async () => {
    const rateLimit = limit();
    const { headers, response } = answerTo(keyOf('one', 3));
    await rateLimit.consume(response, { limited, perMinute: 10 });
    expect(headers.get('ratelimit-limit')).toBe(3);
    expect(headers.get('x-ratelimit-remaining')).toBe(2);
    await rateLimit.consume(response, { limited, perMinute: 10, requests: 2 });
    await expect(rateLimit.consume(response, { limited, perMinute: 10 })).rejects.toMatchObject(refused);
    expect(headers.get('ratelimit-remaining')).toBe(0);
    const other = answerTo(keyOf('other'));
    await rateLimit.consume(other.response, { limited, perMinute: 10 });
    // What the first key was refused was not counted.
    expect(other.headers.get('ratelimit-remaining')).toBe(6);
  });

  it('counts bundles and tenants for themselves, and batches as a whole', async () => {
    const rateLimit = limit();
    const { response } = answerTo(keyOf('one'));
    const strict = { limited: { ...limited, bundle: 'strict' }, perMinute: 2 };
    const both = [
      { limited, perMinute: 5, requests: 2 },
      { ...strict, requests: 2 },
    ];
    await rateLimit.consume(response, ...both);
    await expect(rateLimit.consume(response, ...both)).rejects.toMatchObject(refused);
    await rateLimit.consume(response, { limited, perMinute: 5, requests: 3 });
    const elsewhere = { limited: { ...limited, tenantId: 'globex' }, perMinute: 1 };
    await rateLimit.consume(response, elsewhere);
    await expect(rateLimit.consume(response, elsewhere)).rejects.toMatchObject(refused);
  });

  it('limits what belongs to no bundle by the credential, a token by its subject', async () => {
    const rateLimit = limit(1);
    const token: Identity = { ...anonymous, method: 'jwt', tenantId: 'acme', subject: 'ann', tokenId: 'one' };
    await rateLimit.consumeOther(answerTo(token).response);
    const next = answerTo({ ...token, tokenId: 'two' }, '/api/v1/registry/endpoints');
    await expect(rateLimit.consumeOther(next.response)).rejects.toMatchObject({
      ...refused,
      status: 429,
      options: { retryAfterSeconds: 60 },
    });
    await rateLimit.consumeOther(answerTo({ ...token, tenantId: 'globex' }).response);
    for (let call = 0; call < 3; call++) await rateLimit.consumeOther(answerTo(anonymous).response);
  });

  it('lets a tenant have no more under way than its quota, whatever its callers do [F.5]', async () => {
    const rateLimit = new RateLimit({
      counts: new CountsInMemory(),
      underWay: new UnderWayInMemory(),
      concurrencyOf: (tenantId) => (tenantId === 'acme' ? 2 : null),
      perMinute: 100,
    });
    const admit = (tenantId: string, perMinute = 100) =>
      rateLimit.admit(answerTo(keyOf('one')).response, { limited: { ...limited, tenantId }, perMinute });
    const ends = [await admit('acme'), await admit('acme')];
    const tooMany = { ...refused, detail: 'too_many_concurrent_requests', retryAfterSeconds: 1 };
    await expect(admit('acme')).rejects.toMatchObject(tooMany);
    for (let call = 0; call < 5; call++) await admit('globex');
    // Twice over is over once.
    ends[0]!();
    ends[0]!();
    await expect(admit('acme', 1)).rejects.toMatchObject({ ...refused, detail: null });
    ends.push(await admit('acme'));
    await expect(admit('acme')).rejects.toMatchObject(tooMany);
  });

  it('counts by itself while Redis says nothing, and does not wait for it each time', async () => {
    let asked = 0;
    const silent = () => {
      asked++;
      return new Promise<never>(() => undefined);
    };
    const client = { ping: silent, evalSha: silent, eval: silent };
    const guard = new RedisGuard(client, { patienceMs: 10, pauseMs: 60_000 });
    const counts = new CountsInRedis({ client, guard } as never, new CountsInMemory());
    const rateLimit = new RateLimit({ counts, underWay: new UnderWayInMemory(), perMinute: 1000 });
    const { response } = answerTo(keyOf('one'));
    for (let call = 0; call < 50; call++) await rateLimit.consume(response, { limited, perMinute: 50 });
    await expect(rateLimit.consume(response, { limited, perMinute: 50 })).rejects.toMatchObject(refused);
    expect(asked).toBe(2);
    guard.stop();
  });
});
