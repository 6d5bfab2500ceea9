/** Trends are kept in steps of so long. */
export const useStepMs = 5 * 60_000;

/** Upper ends of the steps in which latencies are counted, in ms; the last step has none. */
export const latencySteps = [
  10, 20, 50, 100, 150, 200, 300, 500, 750, 1000, 1500, 2000, 3000, 5000, 10_000, 30_000,
] as const;

/** How a detector did in one step of time. */
export interface DetectorUse {
  readonly detector: string;
  /** The tenant whose own it is; null: all share it. Names are unique with their owner only. */
  readonly owner: string | null;
  /** Beginning of the step (epoch ms). */
  readonly since: number;
  calls: number;
  /** Without a verdict of its own, for whatever reason. */
  failures: number;
  /** Of those that are timed. */
  total_ms: number;
  /** Calls by step of latency; calls that never reached it are not among them. */
  readonly latencies: number[];
}
