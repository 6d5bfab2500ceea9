import { latencySteps, type DetectorUse } from '../contract/detector-use';

export interface UseFigures {
  readonly calls: number;
  readonly errors: number;
  /** Null without a call. */
  readonly error_rate: number | null;
  /** Null without one that is timed. */
  readonly average_ms: number | null;
  readonly p95_ms: number | null;
}

export type Trend = 'improving' | 'stable' | 'degrading' | 'unknown';
export type UseTrend = 'rising' | 'stable' | 'falling' | 'unknown';

export interface DetectorTrend {
  readonly latency: Trend;
  readonly errors: Trend;
  readonly use: UseTrend;
}

type Use = Pick<DetectorUse, 'calls' | 'failures' | 'total_ms' | 'latencies'>;

/** Fewer calls than these say nothing. */
const enoughCalls = 10;
const slower = 1.25;
const notablyMoreErrors = 0.05;
const muchMoreUse = 1.5;

export function figuresOf(use: Use | undefined): UseFigures {
  if (!use || use.calls === 0) {
    return { calls: 0, errors: 0, error_rate: null, average_ms: null, p95_ms: null };
  }
  return {
    calls: use.calls,
    errors: use.failures,
    error_rate: Math.round((use.failures / use.calls) * 1e6) / 1e6,
    ...timesOf(use),
  };
}

/** Not every call is timed. */
function timesOf({ total_ms, latencies }: Use): Pick<UseFigures, 'average_ms' | 'p95_ms'> {
  const timed = latencies.reduce((sum, count) => sum + count, 0);
  if (timed === 0) return { average_ms: null, p95_ms: null };
  return { average_ms: Math.round(total_ms / timed), p95_ms: percentileOf(latencies, 0.95 * timed) };
}

/** The upper end of the step that it lies in; of the last one the lower. */
function percentileOf(latencies: readonly number[], rank: number): number {
  let seen = 0;
  const step = latencies.findIndex((count) => (seen += count) >= rank);
  return latencySteps[Math.min(step, latencySteps.length - 1)]!;
}

/** The last hour against the day that it ends. @param hours how long of the day there are figures */
export function trendOf(hour: UseFigures, day: UseFigures, hours: number): DetectorTrend {
  const usual = day.calls / Math.max(1, hours);
  const enough = hour.calls >= enoughCalls && day.calls - hour.calls >= enoughCalls;
  return {
    latency: enough ? byRatio(hour.p95_ms, day.p95_ms) : 'unknown',
    errors: enough ? byDifference(hour.error_rate!, day.error_rate!) : 'unknown',
    use: hours <= 1 || day.calls < enoughCalls ? 'unknown' : useTrend(hour.calls, usual),
  };
}

function byRatio(now: number | null, usual: number | null): Trend {
  if (now === null || usual === null) return 'unknown';
  if (now > usual * slower) return 'degrading';
  return now * slower < usual ? 'improving' : 'stable';
}

function byDifference(now: number, usual: number): Trend {
  if (now - usual > notablyMoreErrors) return 'degrading';
  return usual - now > notablyMoreErrors ? 'improving' : 'stable';
}

function useTrend(now: number, usual: number): UseTrend {
  if (now > usual * muchMoreUse) return 'rising';
  return now * muchMoreUse < usual ? 'falling' : 'stable';
}

/** A detector as far as there may be something to do about it. */
export interface Situation {
  readonly endpointId: string;
  readonly isActive: boolean;
  readonly isHealthy: boolean;
  readonly breaker: 'closed' | 'open' | 'half_open';
  readonly timeoutMs: number;
  readonly hour: UseFigures;
  readonly day: UseFigures;
  readonly trend: DetectorTrend;
}

const nearTimeout = 0.8;

/** What an operator should look at, the most urgent first. */
export function recommendationsFor(situation: Situation): string[] {
  const { endpointId: id, hour, day, trend, timeoutMs } = situation;
  if (!situation.isActive) return [];
  const percent = (share: number | null) => `${Math.round((share ?? 0) * 1000) / 10} %`;
  const isNearTimeout = hour.calls >= enoughCalls && (hour.p95_ms ?? 0) >= timeoutMs * nearTimeout;
  return [
    ...(situation.isHealthy ? [] : [`it is out of the pool: GET /health/endpoints/${id} says why`]),
    ...(situation.breaker === 'closed'
      ? []
      : [`its circuit breaker is ${situation.breaker}: see GET /circuit-breaker/endpoints/${id}`]),
    ...(trend.errors === 'degrading'
      ? [`${percent(hour.error_rate)} of its calls fail, ${percent(day.error_rate)} over the day`]
      : []),
    ...(trend.latency === 'degrading' ? [`p95 is ${hour.p95_ms} ms, ${day.p95_ms} ms over the day`] : []),
    ...(isNearTimeout
      ? [
          `p95 of ${hour.p95_ms} ms comes near its timeout_ms of ${timeoutMs}: raise that, or give it more room`,
        ]
      : []),
  ];
}
