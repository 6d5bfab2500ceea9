import { randomUUID } from 'node:crypto';
import { CountsInMemory } from '../../../src/store/rate-counts';
import { CountsInRedis } from '../../../src/store/rate-counts-in-redis';
import { connectRedis, type SharedRedis } from '../../../src/store/redis';
import { UnderWayInMemory } from '../../../src/store/under-way';
import { UnderWayInRedis } from '../../../src/store/under-way-in-redis';
import { eventually } from '../../support/eventually';

const redisUrl = process.env['CONCLAVE_TEST_REDIS_URL'];
const withRedis = redisUrl === undefined ? describe.skip : describe;

withRedis('Rate limits in Redis', () => {
  const connections: SharedRedis[] = [];
  const unexpected = { charge: () => Promise.reject(new Error('Redis is there')) };
  async function replica(): Promise<CountsInRedis> {
    const redis = await connectRedis(
      redisUrl!,
      () => undefined,
      () => undefined,
    );
    connections.push(redis);
    return new CountsInRedis(redis, unexpected);
  }
  afterEach(() => {
    for (const { client, guard } of connections.splice(0)) {
      guard.stop();
      client.destroy();
    }
  });

  it('let replicas that ask at the same time have the limit together, and not one more [F.13]', async () => {
    const replicas = [await replica(), await replica()];
    const name = `test/${randomUUID()}`;
    const charge = { name, perMinute: 25, requests: 1 };
    const standings = await Promise.all(
      Array.from({ length: 120 }, (_, call) => replicas[call % 2]!.charge([charge])),
    );
    const allowed = standings.flat().filter(({ isAllowed }) => isAllowed);
    expect(allowed.map(({ remaining }) => remaining).toSorted((a, b) => b - a)).toEqual(
      Array.from({ length: 25 }, (_, index) => 24 - index),
    );
    for (const { isAllowed, resetMs } of standings.flat())
      if (!isAllowed) expect(resetMs).toBeLessThanOrEqual(60_000);
  });

  it('count a call under all its limits or none, as in process', async () => {
    const [here, there] = [new CountsInMemory(), await replica()];
    const [wide, narrow] = [`test/${randomUUID()}`, `test/${randomUUID()}`];
    const calls = [
      [{ name: wide, perMinute: 10, requests: 3 }],
      [
        { name: wide, perMinute: 10, requests: 2 },
        { name: narrow, perMinute: 2, requests: 2 },
      ],
      [
        { name: wide, perMinute: 10, requests: 2 },
        { name: narrow, perMinute: 2, requests: 1 },
      ],
      [{ name: wide, perMinute: 10, requests: 6 }],
      [{ name: wide, perMinute: 10, requests: 5 }],
      [{ name: wide, perMinute: 10, requests: 11 }],
    ];
    for (const charges of calls) {
      const expected = here.charge(charges);
      const standings = await there.charge(charges);
      const said = (all: typeof expected) => all.map(({ isAllowed, remaining }) => [isAllowed, remaining]);
      expect(said(standings)).toEqual(said(expected));
    }
  });

  it('are forgotten when nobody has called for a minute', async () => {
    const counts = await replica();
    const name = `test/${randomUUID()}`;
    await counts.charge([{ name, perMinute: 5, requests: 1 }]);
    const ttl = await connections[0]!.client.pTTL(`conclave:rate:${name}`);
    expect(ttl).toBeGreaterThan(0);
    expect(ttl).toBeLessThanOrEqual(60_000);
  });
});

withRedis('Requests under way, counted in Redis', () => {
  let redis: SharedRedis;
  const own = new UnderWayInMemory();
  beforeEach(async () => {
    redis = await connectRedis(
      redisUrl!,
      () => undefined,
      () => undefined,
    );
  });
  afterEach(() => {
    redis.guard.stop();
    redis.client.destroy();
  });
  const replica = (longestMs = 60_000) => new UnderWayInRedis(redis, own, longestMs);

  it('are never more than the quota, over all replicas [F.13]', async () => {
    const tenant = randomUUID();
    const replicas = [replica(), replica()];
    const begun = await Promise.all(
      Array.from({ length: 40 }, (_, call) => replicas[call % 2]!.begin(tenant, 5)),
    );
    const ends = begun.filter((end) => end !== null);
    expect(ends).toHaveLength(5);
    ends[0]!();
    await eventually(
      () => replicas[1]!.begin(tenant, 5),
      (end) => end !== null,
    );
    expect(await replicas[0]!.begin(tenant, 5)).toBeNull();
  });

  it('are over in time when whoever began them has died', async () => {
    const tenant = randomUUID();
    expect(await replica(200).begin(tenant, 1)).not.toBeNull();
    await eventually(
      () => replica(60_000).begin(tenant, 1),
      (end) => end !== null,
    );
    expect(await replica().begin(tenant, 1)).toBeNull();
  });
});
