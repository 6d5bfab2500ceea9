import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  isCancellation,
  proxyActivities,
  proxyLocalActivities,
  TimeoutFailure,
} from '@temporalio/workflow';
import type { DetectCall, DetectFailure, DetectOutput, Lateness, RunContext } from '../activities/types';
import type { DetectorResult } from '../contract/detector-result';
import { type DetectorErrorToken, detectorErrors } from '../contract/enums';
import type { Member, Plan, PlannedDetector } from '../contract/plan';
import { priorityKey } from '../domain/priority';
import { resultWithoutAnswer } from '../domain/results';

/** Activities keep their own time by AbortSignal; the server's timeouts only catch one that is lost. */
const graceMs = 2000;
const heartbeatTimeoutMs = 5000;
/** Attempts that end with their worker are not the detector's: they leave its retries alone. */
const lostWorkers = 2;

type Detect = (call: DetectCall) => Promise<DetectOutput>;

/** Asks one detector for some members; a detector's failure is a result of each, never an exception. */
export async function askDetector(
  run: RunContext,
  plan: Plan,
  detector: PlannedDetector,
  members: readonly Member[],
  resumed?: Lateness,
): Promise<DetectOutput> {
  const request_ids = members.map((member) => member.request_id);
  try {
    return await detectActivity(
      plan,
      detector,
      members,
    )({ run, detector: detector.name, request_ids, ...(resumed && { resumed }) });
  } catch (error) {
    const result = asResult(detector.name, error);
    return {
      results: Object.fromEntries(members.map((member) => [member.request_id, result])),
      cancelled: [],
    };
  }
}

/** One activity type a detector, so that Temporal Web shows which was asked, and how often. */
function detectActivity(plan: Plan, detector: PlannedDetector, members: readonly Member[]): Detect {
  const left = Math.min(...members.map((member) => member.cut_at)) - Date.now();
  const options = {
    scheduleToCloseTimeout: Math.max(left, 0) + graceMs,
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: {
      initialInterval: 100,
      backoffCoefficient: 2,
      maximumInterval: 1000,
      // How many of these are retries of a failed call is for the activity to say.
      maximumAttempts: detector.max_retries + 1 + lostWorkers,
    },
  };
  // The timer of a local activity's attempt outlives it and would end the next: there the whole has a limit, no attempt.
  const activities =
    plan.lane === 'fast'
      ? proxyLocalActivities<Record<string, Detect>>(options)
      : proxyActivities<Record<string, Detect>>({
          ...options,
          startToCloseTimeout: detector.timeout_ms * callsPerAttempt(detector) + graceMs,
          ...(detector.pool === null ? {} : { taskQueue: `pool-${detector.pool}` }),
          // A pool that nobody serves must not cost the others their answer in time.
          scheduleToStartTimeout: Math.max(left, 1),
          heartbeatTimeout: heartbeatTimeoutMs,
          priority: { priorityKey: priorityKey(plan.priority), fairnessKey: plan.tenant_id },
        });
  return activities[`detect.${detector.name}`]!;
}

/** A standby is asked in the attempt that failed, and has as long. */
function callsPerAttempt({ fallback }: PlannedDetector): number {
  return fallback?.strategy === 'redirect' ? 2 : 1;
}

const callFailures: ReadonlySet<string> = new Set([...detectorErrors.failed, ...detectorErrors.timeout]);

function asResult(detector: string, error: unknown): DetectorResult {
  if (isCancellation(error)) return resultWithoutAnswer(detector, 'cancelled');
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof TimeoutFailure) return resultWithoutAnswer(detector, 'request_deadline');
  if (!(cause instanceof ApplicationFailure)) return resultWithoutAnswer(detector, 'plugin_error');
  const token = callFailures.has(cause.type ?? '') ? (cause.type as DetectorErrorToken) : 'plugin_error';
  const details = cause.details?.[0] as DetectFailure | undefined;
  if (!details) return resultWithoutAnswer(detector, token);
  return {
    ...resultWithoutAnswer(detector, token, details.processing_time_ms, details.cause),
    metadata: { attempts: details.attempts },
    error: `${token}: ${details.message}`.slice(0, 256),
  };
}
