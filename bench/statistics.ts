import type { LoadSample } from './load-order';

/** A line of the report; times in milliseconds, `null` where nothing was answered. */
export interface Row {
  name: string;
  concurrency: number;
  p50_ms: number | null;
  p95_ms: number | null;
  p99_ms: number | null;
  rps: number;
  errors: number;
}

/** Nearest rank: the smallest value that at least `percent` of the values do not exceed. */
export function percentile(ascending: ArrayLike<number>, percent: number): number | null {
  const rank = Math.max(1, Math.ceil((percent / 100) * ascending.length));
  return ascending[rank - 1] ?? null;
}

/** Latencies of the answers with one of `statuses`, all rounds together, ascending; without `statuses` of all answers. */
export function latenciesOf(samples: readonly LoadSample[], statuses?: readonly string[]): Float64Array {
  return Float64Array.from(
    samples.flatMap(({ latenciesMs }) =>
      Object.entries(latenciesMs).flatMap(([status, values]) =>
        statuses === undefined || statuses.includes(status) ? values : [],
      ),
    ),
  ).sort();
}

export function secondsOf(samples: readonly LoadSample[]): number {
  return samples.reduce((sum, sample) => sum + sample.windowMs, 0) / 1000;
}

/** Pools the samples of all rounds: percentiles over all answers with status 200, throughput over the whole measured time. */
export function summarize(name: string, concurrency: number, samples: readonly LoadSample[]): Row {
  const latencies = latenciesOf(samples, ['200']);
  const seconds = secondsOf(samples);
  const errors = Object.values(errorsByKind(samples)).reduce((sum, count) => sum + count, 0);
  const at = (percent: number) => round(percentile(latencies, percent), 2);
  return {
    name,
    concurrency,
    p50_ms: at(50),
    p95_ms: at(95),
    p99_ms: at(99),
    rps: round(seconds > 0 ? latencies.length / seconds : 0, 1),
    errors,
  };
}

/** Inside the windows, by status; and requests without an answer, at any time, as `network`. */
export function errorsByKind(samples: readonly LoadSample[]): Record<string, number> {
  const { '200': _answers, ...errors } = countsByStatus(samples);
  const network = samples.reduce((sum, sample) => sum + sample.network, 0);
  return network > 0 ? { ...errors, network } : errors;
}

/** Answers inside the windows. */
export function countsByStatus(samples: readonly LoadSample[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const [status, values] of samples.flatMap((sample) => Object.entries(sample.latenciesMs))) {
    total[status] = (total[status] ?? 0) + values.length;
  }
  return total;
}

export function round<T extends number | null>(value: T, digits: number): T {
  return (value === null ? value : Number(value.toFixed(digits))) as T;
}
