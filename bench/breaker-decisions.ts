import { Breakers } from '../src/registry/breakers';
import { MemoryDirectory } from '../test/support/memory-directory';
import { percentile } from './statistics';

const upstreams = 500;
const constants = {
  circuit_breaker_failure_threshold: 5,
  circuit_breaker_recovery_timeout_seconds: 60,
  half_open_test_requests: 3,
};
/** One call in so many fails, so that breakers open, refuse and try again. */
const failingEvery = 7;

/**
 * Times `admit` and `record` of calls to many upstreams, half of them with a sliding window; news are kept for a store
 * that is away, which is when they cost most.
 */
export function decideAsCallsDo(calls: number) {
  const directory = new MemoryDirectory();
  let clock = Date.now();
  const breakers = new Breakers(directory, constants, () => clock);
  breakers.on('news', () => undefined);
  for (let index = 0; index < upstreams; index++) {
    const window_type = index % 2 === 0 ? 'sliding' : 'consecutive';
    directory.put({
      name: `u${index}`,
      url: `http://u${index}.example`,
      circuit_breaker: { window_type, failure_threshold: 3, minimum_calls: 5, failure_rate_threshold: 0.3 },
    });
  }
  const took = new Float64Array(calls);
  for (let call = 0; call < calls; call++) {
    const id = `u${call % upstreams}`;
    clock += 1;
    const startedAt = performance.now();
    const { admitted, epoch } = breakers.admit(id);
    if (admitted) breakers.record(id, call % failingEvery === 0 ? 'failure' : 'success', epoch);
    took[call] = performance.now() - startedAt;
    // As the store takes them when it is there.
    if (call % 10_000 === 0) settle(breakers);
  }
  took.sort();
  const at = (percent: number) => Number(percentile(took, percent)!.toFixed(5));
  return {
    name: 'a breaker decides and learns',
    calls,
    p50_ms: at(50),
    p95_ms: at(95),
    p99_ms: at(99),
  };
}

function settle(breakers: Breakers): void {
  for (const { endpoint_id, url, after } of breakers.takeNews()) {
    const { breaker, counts, transitions } = after(null);
    breakers.merged({ endpoint_id, url, breaker, counts, transitions });
  }
}
