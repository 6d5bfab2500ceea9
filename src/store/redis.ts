import { setTimeout as delay } from 'node:timers/promises';
import { createClient, type RedisClientType } from 'redis';
import type { RedisUser } from '../contract/service-metrics';
import { RedisGuard } from './redis-guard';

const patienceMs = 2000;

/** Whoever serves a request asks the client through the guard. */
export interface SharedRedis {
  readonly client: RedisClientType;
  readonly guard: RedisGuard;
}

/**
 * A client of Redis, which is a convenience: when it does not answer in 2 s we go on without it, commands fail at once,
 * and the client keeps trying to connect.
 */
export async function connectRedis(
  url: string,
  onError: (error: unknown) => void,
  wentWithout: (user: RedisUser) => void,
): Promise<SharedRedis> {
  const client: RedisClientType = createClient({ url, disableOfflineQueue: true });
  client.on('error', onError);
  const connected = client.connect().then(
    () => undefined,
    () => undefined,
  );
  await Promise.race([connected, delay(patienceMs, undefined, { ref: false })]);
  return { client, guard: new RedisGuard(client, undefined, wentWithout) };
}
