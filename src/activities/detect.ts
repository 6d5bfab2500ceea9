import { ApplicationFailure, activityInfo, cancellationSignal, heartbeat } from '@temporalio/activity';
import type { PausePoint } from '../config/pause-point';
import { backoffMs } from '../domain/budget';
import { DetectorCallError } from '../detectors/call-error';
import type { Orchestrations } from '../store/orchestrations';
import type { CheckpointKeeper } from './checkpoint-keeper';
import type { DetectorAttempts } from './detector-attempts';
import type { AttemptResults, DetectorMemo } from './detector-memo';
import type { RunControls } from './run-controls';
import type { DetectFailure, DetectInput, DetectOutput } from './types';

const heartbeatMs = 1000;

export interface DetectDependencies {
  readonly attempts: DetectorAttempts;
  readonly memo: DetectorMemo;
  readonly keeper: CheckpointKeeper;
  readonly controls: RunControls;
  readonly orchestrations: Orchestrations;
  readonly now: () => number;
  readonly random: () => number;
  readonly pause: PausePoint;
}

/**
 * Asks one detector for the members that still want it (design.md 7, 2). Throws only when the call as a whole failed:
 * retryable while another attempt is worth its time, else for good with the failure in its details.
 */
export function createDetect(deps: DetectDependencies) {
  return async function detect(input: DetectInput): Promise<DetectOutput> {
    const info = activityInfo();
    const { run, detector, plan } = input;
    const startedAt = deps.memo.issuedAt(run.run_id, detector.name) ?? info.scheduledTimestampMs;
    const ticker = info.isLocal ? null : setInterval(() => heartbeat(), heartbeatMs);
    try {
      await deps.pause('detecting');
      await prepare(deps, input, info.attempt);
      const known = deps.memo.known(run.run_id, detector.name);
      const open = input.members.filter(
        ({ request_id }) => !known.has(request_id) && !deps.controls.isCancelled(request_id),
      );
      if (open.length > 0) {
        const attempt = {
          input,
          members: open,
          number: info.attempt,
          startedAt,
          signal: cancellationSignal(),
        };
        const adopted = info.attempt === 1 ? deps.memo.adopt(run.run_id, detector.name) : null;
        const results = await (adopted ?? deps.attempts.make(attempt));
        deps.memo.remember(run.run_id, detector.name, results);
        await deps.keeper.keep(run, plan.tenant_id, open, results);
      }
      return outputOf(input, deps.memo.known(run.run_id, detector.name));
    } catch (error) {
      throw asFailure(deps, input, error, info.attempt, startedAt);
    } finally {
      if (ticker) clearInterval(ticker);
    }
  };
}

async function prepare(deps: DetectDependencies, input: DetectInput, attempt: number): Promise<void> {
  const ids = input.members.map((member) => member.request_id);
  const jobs = input.members.filter((member) => member.mode === 'async').map((member) => member.request_id);
  const bornHere = deps.memo.wasBornHere(input.run.run_id);
  await Promise.all([
    deps.keeper.restore(input.run, input.plan.tenant_id),
    bornHere && attempt === 1 ? null : deps.controls.refresh(ids),
    jobs.length > 0 ? deps.orchestrations.markRunning(jobs) : null,
  ]);
}

function outputOf(input: DetectInput, known: AttemptResults): DetectOutput {
  const results: Record<string, DetectOutput['results'][string]> = {};
  const cancelled: string[] = [];
  for (const { request_id: requestId } of input.members) {
    const result = known.get(requestId);
    if (result) results[requestId] = result;
    else cancelled.push(requestId);
  }
  return { results, cancelled };
}

function asFailure(
  deps: DetectDependencies,
  input: DetectInput,
  error: unknown,
  attempt: number,
  startedAt: number,
): unknown {
  if (cancellationSignal().aborted) return cancellationSignal().reason;
  const details: DetectFailure = {
    message: error instanceof DetectorCallError ? error.message : 'the adapter broke down',
    attempts: attempt,
    processing_time_ms: deps.now() - startedAt,
  };
  if (!(error instanceof DetectorCallError)) {
    return ApplicationFailure.nonRetryable(details.message, 'plugin_error', details);
  }
  const delay = error.options.retryAfterMs ?? backoffMs(attempt - 1, deps.random());
  const cut = Math.min(...input.members.map((member) => member.cut_at));
  const worthwhile =
    error.options.retryable && attempt <= input.detector.max_retries && deps.now() + delay < cut;
  return ApplicationFailure.create({
    message: error.message,
    type: error.failure,
    nonRetryable: !worthwhile,
    nextRetryDelay: Math.round(delay),
    details: [details],
  });
}
