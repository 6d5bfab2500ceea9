import { setTimeout as delay } from 'node:timers/promises';
import { createClient, type RedisClientType } from 'redis';

const patienceMs = 2000;

/**
 * A client of Redis, which is a convenience: when it does not answer in 2 s we go on without it, commands fail at once,
 * and the client keeps trying to connect.
 */
export async function connectRedis(url: string, onError: (error: unknown) => void): Promise<RedisClientType> {
  const client: RedisClientType = createClient({ url, disableOfflineQueue: true });
  client.on('error', onError);
  const connected = client.connect().then(
    () => undefined,
    () => undefined,
  );
  await Promise.race([connected, delay(patienceMs, undefined, { ref: false })]);
  return client;
}
