import type { LoadSample } from './load';

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

/** Pools the samples of all rounds: percentiles over all answers, throughput over the whole measured time. */
export function summarize(name: string, concurrency: number, samples: LoadSample[]): Row {
  const latencies = Float64Array.from(samples.flatMap((sample) => sample.latenciesMs)).sort();
  const seconds = samples.reduce((sum, sample) => sum + sample.windowMs, 0) / 1000;
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

export function errorsByKind(samples: LoadSample[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const [kind, count] of samples.flatMap((sample) => Object.entries(sample.errors))) {
    total[kind] = (total[kind] ?? 0) + count;
  }
  return total;
}

function round<T extends number | null>(value: T, digits: number): T {
  return (value === null ? value : Number(value.toFixed(digits))) as T;
}
