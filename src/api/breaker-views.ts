import type { BreakerInfo, BreakerSummary } from '../contract/breaker-api';
import { isVisibleId, type Sight } from '../domain/registry';
import type { BreakerDescription, Breakers } from '../registry/breakers';

const at = (epochMs: number | null): string | null =>
  epochMs === null ? null : new Date(epochMs).toISOString();

/** One breaker as clients see it. */
export function breakerInfo(breaker: BreakerDescription): BreakerInfo {
  const { successes, failures, prevented, fallbacks, last_success_at, last_failure_at } = breaker.counts;
  return {
    endpoint_id: breaker.endpointId,
    state: breaker.state,
    failure_count: failures,
    success_count: successes,
    failure_rate: share(failures, successes),
    consecutive_failures: breaker.consecutiveFailures,
    last_failure_time: at(last_failure_at),
    last_success_time: at(last_success_at),
    state_changed_time: at(breaker.stateChangedAt),
    next_attempt_at: at(breaker.nextAttemptAt),
    half_open_calls: breaker.halfOpenCalls,
    transitions: breaker.transitions.slice(-50).map((transition) => ({
      ...transition,
      at: new Date(transition.at).toISOString(),
    })),
    fallback_count: fallbacks,
    prevented_calls: prevented,
    effectiveness: share(prevented, failures),
    config: configOf(breaker),
  };
}

/** What is done while it is open is said of detectors by their registration. */
function configOf({ settings, fallback }: BreakerDescription): BreakerInfo['config'] {
  const own = fallback && { fallback_strategy: fallback.strategy, fallback };
  return JSON.parse(JSON.stringify({ ...settings, ...own })) as BreakerInfo['config'];
}

/** All that somebody may know of, by endpoint. */
export function allBreakers(breakers: Breakers, sight: Sight): BreakerInfo[] {
  const visible = breakers.endpointIds.filter((id) => isVisibleId(id, sight));
  return visible.flatMap((id) => {
    const breaker = breakers.describe(id);
    return breaker ? [breakerInfo(breaker)] : [];
  });
}

export function breakerSummary(infos: readonly { readonly state: BreakerInfo['state'] }[]): BreakerSummary {
  const count = (state: BreakerInfo['state']) => infos.filter((info) => info.state === state).length;
  const closed = count('closed');
  return {
    total_circuit_breakers: infos.length,
    open_breakers: count('open'),
    half_open_breakers: count('half_open'),
    closed_breakers: closed,
    health_percentage: infos.length === 0 ? 100 : Math.round((closed / infos.length) * 10_000) / 100,
  };
}

function share(part: number, rest: number): number {
  return part + rest === 0 ? 0 : Math.round((part / (part + rest)) * 1e6) / 1e6;
}
