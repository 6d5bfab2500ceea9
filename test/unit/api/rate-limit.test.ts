import type { Response } from 'express';
import { RateLimit } from '../../../src/api/rate-limit';
import { RedisGuard } from '../../../src/store/redis-guard';

/** A Redis that counts, or says nothing. */
function redis() {
  const state = { silent: false, counts: new Map<string, number>() };
  const client = {
    isReady: true,
    ping: () => new Promise<string>(() => undefined),
    defineScript: () => undefined,
    eval: async (_script: string, { keys }: { keys: string[] }) => {
      if (state.silent) return new Promise(() => undefined);
      const count = (state.counts.get(keys[0]!) ?? 0) + 1;
      state.counts.set(keys[0]!, count);
      return [count, 60_000];
    },
  };
  const guard = new RedisGuard(client, { patienceMs: 10, pauseMs: 60_000 });
  return { state, guard, shared: { client, guard } as never };
}

const response = { setHeader: () => undefined } as unknown as Response;
const limited = { endpoint: 'orchestrate', tenantId: 'acme', bundle: 'default' } as const;
const refused = { code: 'RATE_LIMITED' };

describe('The rate limit', () => {
  it('counts in Redis, and takes its refusal for an answer', async () => {
    const { shared, state, guard } = redis();
    const limits = [new RateLimit(shared), new RateLimit(shared)];
    await limits[0]!.consume(limited, 2, response);
    await limits[1]!.consume(limited, 2, response);
    for (let i = 0; i < 3; i++) {
      await expect(limits[0]!.consume(limited, 2, response)).rejects.toMatchObject(refused);
    }
    expect([...state.counts.values()]).toEqual([5]);
    guard.stop();
  });

  it('counts by itself while Redis says nothing, and does not wait for it each time', async () => {
    const { shared, state, guard } = redis();
    const limit = new RateLimit(shared);
    state.silent = true;
    const began = Date.now();
    for (let i = 0; i < 50; i++) await limit.consume(limited, 50, response);
    await expect(limit.consume(limited, 50, response)).rejects.toMatchObject(refused);
    // Waiting for it each time would take five seconds.
    expect(Date.now() - began).toBeLessThan(2500);
    guard.stop();
  });
});
