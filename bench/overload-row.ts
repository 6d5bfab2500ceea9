import type { LoadSample } from './load-order';
import { countsByStatus, latenciesOf, percentile, round, secondsOf } from './statistics';

/** The sync SLA of normal priority (spec/orchestration.md 4.1). */
const slaMs = 2_000;
const verdicts = ['200', '206'];
const jobs = ['202'];

export interface OverloadRow {
  name: string;
  /** Of the sustainable rate. */
  factor: number;
  /** Requests a second as intended, and as they were sent. */
  rate: number;
  sent_rps: number;
  verdicts_rps: number;
  jobs_rps: number;
  /** Any other status. */
  refused_rps: number;
  /** Share of the admitted (verdicts and jobs) that were answered inside the SLA; null when none were admitted. */
  inside_sla: number | null;
  /** Verdicts inside the SLA a second. */
  goodput_rps: number;
  /** Of the verdicts. */
  p50_ms: number | null;
  p99_ms: number | null;
  /** Contents that all detectors looked at, also for jobs, from the first request to the last answer. */
  judged_rps: number;
  network: number;
}

/** What came of an open loop. */
export function overloadRow(
  name: string,
  factor: number,
  rate: number,
  sample: LoadSample,
  judgedRps: number,
): OverloadRow {
  const seconds = secondsOf([sample]);
  const perSecond = (count: number) => round(count / seconds, 1);
  const total = Object.values(countsByStatus([sample])).reduce((sum, count) => sum + count, 0);
  const ofVerdicts = latenciesOf([sample], verdicts);
  const admitted = latenciesOf([sample], [...verdicts, ...jobs]);
  const inside = (latencies: Float64Array) => latencies.filter((latency) => latency <= slaMs).length;
  return {
    name,
    factor,
    rate,
    sent_rps: perSecond(sample.sent),
    verdicts_rps: perSecond(ofVerdicts.length),
    jobs_rps: perSecond(admitted.length - ofVerdicts.length),
    refused_rps: perSecond(total - admitted.length),
    inside_sla: admitted.length === 0 ? null : round(inside(admitted) / admitted.length, 4),
    goodput_rps: perSecond(inside(ofVerdicts)),
    p50_ms: round(percentile(ofVerdicts, 50), 1),
    p99_ms: round(percentile(ofVerdicts, 99), 1),
    judged_rps: round(judgedRps, 1),
    network: sample.network,
  };
}
