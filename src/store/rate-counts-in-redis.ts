import { sliceMs, type Standing, windowMs } from './sliding-window';
import type { Charge, RateCounts } from './rate-counts';
import type { SharedRedis } from './redis';
import { RedisAwayError } from './redis-guard';
import { RedisScript } from './redis-script';

/**
 * What SlidingWindow does, for all limits of a call at once and by the clock of Redis, so that no two replicas see room
 * for the same request. A window is a flat list, packed: of each slice when it began, its last request, how many.
 */
const charge = new RedisScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local windows, standings, allowed = {}, {}, true
for i, key in ipairs(KEYS) do
  local limit, requests = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local packed = redis.call('GET', key)
  local window, total = {}, 0
  if packed then
    local all = cmsgpack.unpack(packed)
    for at = 1, #all, 3 do
      if all[at + 1] > now - ${windowMs} then
        window[#window + 1], window[#window + 2], window[#window + 3] = all[at], all[at + 1], all[at + 2]
        total = total + all[at + 2]
      end
    end
  end
  local fits = total + requests <= limit
  local wanted, left, reset = fits and 1 or total + requests - limit, 0, ${windowMs}
  for at = 1, #window, 3 do
    left = left + window[at + 2]
    if left >= wanted then
      reset = window[at + 1] + ${windowMs} - now
      break
    end
  end
  allowed = allowed and fits
  windows[i] = window
  standings[i] = { fits and 1 or 0, math.max(0, limit - total - (fits and requests or 0)), reset }
end
if allowed then
  for i, key in ipairs(KEYS) do
    local window, requests = windows[i], tonumber(ARGV[2 * i])
    local last = #window
    if last > 0 and now - window[last - 2] < ${sliceMs} then
      window[last - 1], window[last] = now, window[last] + requests
    else
      window[last + 1], window[last + 2], window[last + 3] = now, now, requests
    end
    redis.call('SET', key, cmsgpack.pack(window), 'PX', ${windowMs})
  end
end
return standings
`);
const keyPrefix = 'conclave:rate:';

/** Counts that all replicas share: one round trip for a call, whatever limits it falls under. */
export class CountsInRedis implements RateCounts {
  /** @param own stands in while Redis is away: then every replica counts for itself */
  constructor(
    private readonly redis: SharedRedis,
    private readonly own: RateCounts,
  ) {}

  async charge(charges: readonly Charge[]): Promise<readonly Standing[]> {
    const keys = charges.map(({ name }) => keyPrefix + name);
    const figures = charges.flatMap(({ perMinute, requests }) => [String(perMinute), String(requests)]);
    try {
      return await this.redis.guard.ask('rate_limit', () => this.#run({ keys, arguments: figures }));
    } catch (error) {
      if (!(error instanceof RedisAwayError)) throw error;
      return this.own.charge(charges);
    }
  }

  async #run(given: { keys: string[]; arguments: string[] }): Promise<readonly Standing[]> {
    const reply = await charge.run(this.redis.client, given);
    return (reply as [number, number, number][]).map(([fits, remaining, resetMs]) => ({
      isAllowed: fits === 1,
      remaining,
      resetMs,
    }));
  }
}
