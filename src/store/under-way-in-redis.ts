import { randomUUID } from 'node:crypto';
import type { SharedRedis } from './redis';
import { RedisAwayError } from './redis-guard';
import { RedisScript } from './redis-script';
import type { End, UnderWay } from './under-way';

/** What has not ended in its time was begun by a process that has died. */
const begin = new RedisScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]), ARGV[2])
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[3]))
return 1
`);

/** Of all replicas. */
export class UnderWayInRedis implements UnderWay {
  /**
   * @param own stands in while Redis is away: then every replica counts for itself
   * @param longestMs that a request may take
   */
  constructor(
    private readonly redis: SharedRedis,
    private readonly own: UnderWay,
    private readonly longestMs: number,
  ) {}

  async begin(tenantId: string, most: number): Promise<End | null> {
    const key = `conclave:underway:${tenantId}`;
    const id = randomUUID();
    const given = { keys: [key], arguments: [String(most), id, String(this.longestMs)] };
    try {
      const begun = await this.redis.guard.ask('rate_limit', () => begin.run(this.redis.client, given));
      return begun === 1 ? () => this.#end(key, id) : null;
    } catch (error) {
      if (!(error instanceof RedisAwayError)) throw error;
      return this.own.begin(tenantId, most);
    }
  }

  /** Nobody waits for it; what is not said now is over when its time is. */
  #end(key: string, id: string): void {
    this.redis.client.zRem(key, id).catch(() => undefined);
  }
}
