import { setTimeout as delay } from 'node:timers/promises';
import { ApplicationFailure, activityInfo, cancellationSignal } from '@temporalio/activity';
import type { PausePoint } from '../config/pause-point';
import type { Member } from '../contract/plan';
import { backoffMs } from '../domain/budget';
import { DetectorCallError } from '../detectors/call-error';
import { failureResult } from '../detectors/detector-result';
import type { Orchestrations } from '../store/orchestrations';
import type { CheckpointKeeper } from './checkpoint-keeper';
import { type DetectorAttempts, isWorthAnother } from './detector-attempts';
import type { DetectorMemo } from './detector-memo';
import { beat, progressOfBefore } from './progress';
import type { RunControls } from './run-controls';
import type { DetectFailure, DetectInput, DetectOutput, Lateness } from './types';

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

/** Which attempt at the detector this is, and since when (epoch ms) it is asked for. */
interface Turn {
  readonly number: number;
  readonly startedAt: number;
}

/**
 * Asks one detector for the members that still want it (design.md 7, 2). Members whose answer is late are left to
 * another ask as soon as others have theirs. Throws only when the call as a whole failed: retryable while another
 * attempt is worth its time, else for good with the failure in its details.
 */
export function createDetect(deps: DetectDependencies) {
  return async function detect(input: DetectInput): Promise<DetectOutput> {
    const info = activityInfo();
    const { run, detector, resumed } = input;
    const turn: Turn = {
      number: info.attempt + (resumed?.attempts ?? 0),
      startedAt: resumed?.since ?? deps.memo.issuedAt(run.run_id, detector.name) ?? info.scheduledTimestampMs,
    };
    const known = () => deps.memo.known(run.run_id, detector.name);
    const heart = info.isLocal ? null : beat(known);
    try {
      await deps.pause('detecting');
      if (!info.isLocal) deps.memo.remember(run.run_id, detector.name, progressOfBefore());
      await prepare(deps, input, info.attempt);
      const open = input.members.filter(
        ({ request_id }) => !known().has(request_id) && !deps.controls.isCancelled(request_id),
      );
      try {
        const lagging = open.length > 0 && (await ask(deps, input, open, turn, info.attempt));
        return outputOf(deps, input, lagging ? { ...lateness(turn), attempts: turn.number - 1 } : null);
      } finally {
        // Also of those whose answers came before they were asked for here.
        await keep(deps, input);
      }
    } catch (error) {
      return failed(deps, input, error, turn);
    } finally {
      heart?.stop();
    }
  };
}

/** What the store adds; without a store the detectors are asked all the same, and publication waits for it. */
async function prepare(deps: DetectDependencies, input: DetectInput, attempt: number): Promise<void> {
  const ids = input.members.map((member) => member.request_id);
  const jobs = input.members.filter((member) => member.mode === 'async').map((member) => member.request_id);
  const bornHere = deps.memo.wasBornHere(input.run.run_id);
  await Promise.allSettled([
    deps.keeper.restore(input.run, input.plan.tenant_id),
    bornHere && attempt === 1 ? null : deps.controls.refresh(ids),
    jobs.length > 0 ? deps.orchestrations.markRunning(jobs) : null,
  ]);
}

/** @returns whether some members have their answer and the others' lag behind; the call then goes on for those */
async function ask(
  deps: DetectDependencies,
  input: DetectInput,
  members: readonly Member[],
  turn: Turn,
  attempt: number,
): Promise<boolean> {
  const { memo } = deps;
  const { run, detector, resumed } = input;
  const signal = cancellationSignal();
  let call = attempt === 1 ? memo.adopt(run.run_id, detector.name) : null;
  if (!call) {
    if (attempt === 1 && resumed) await delay(resumed.wait_ms, undefined, { signal });
    call = memo.begin(run.run_id, detector.name, (answered) =>
      deps.attempts.make({ input, members, ...turn, signal, answered }),
    );
  }
  for (;;) {
    const lagging = await Promise.race([call.done.then(() => false), call.lag().then(() => true)]);
    const known = memo.known(run.run_id, detector.name);
    if (!lagging || !members.some(({ request_id }) => !known.has(request_id))) return false;
    if (!input.members.some(({ request_id }) => known.has(request_id))) continue;
    memo.leave(run.run_id, detector.name, call);
    return true;
  }
}

/** The run's own history has the results too, so a store that is away does not cost them. */
async function keep(deps: DetectDependencies, input: DetectInput): Promise<void> {
  const { run, plan, detector } = input;
  const live = input.members.filter(({ request_id }) => !deps.controls.isCancelled(request_id));
  const known = deps.memo.known(run.run_id, detector.name);
  await deps.keeper.keep(run, plan.tenant_id, live, known).catch(() => undefined);
}

function outputOf(deps: DetectDependencies, input: DetectInput, rest: Lateness | null = null): DetectOutput {
  const known = deps.memo.known(input.run.run_id, input.detector.name);
  const results: Record<string, DetectOutput['results'][string]> = {};
  const cancelled: string[] = [];
  const late: Record<string, Lateness> = {};
  for (const { request_id: requestId } of input.members) {
    const result = known.get(requestId);
    if (deps.controls.isCancelled(requestId)) cancelled.push(requestId);
    else if (result) results[requestId] = result;
    else if (rest) late[requestId] = rest;
    else cancelled.push(requestId);
  }
  return { results, cancelled, ...(Object.keys(late).length > 0 && { late }) };
}

function lateness(turn: Turn, waitMs = 0): Lateness {
  return { attempts: turn.number, wait_ms: Math.round(waitMs), since: turn.startedAt };
}

/** Members that have been answered keep their answers; a failure is the others'. */
function failed(deps: DetectDependencies, input: DetectInput, error: unknown, turn: Turn): DetectOutput {
  if (cancellationSignal().aborted) throw cancellationSignal().reason;
  const took = deps.now() - turn.startedAt;
  if (!(error instanceof DetectorCallError)) {
    const message = 'the adapter broke down';
    const details: DetectFailure = { message, attempts: turn.number, processing_time_ms: took };
    throw ApplicationFailure.nonRetryable(message, 'plugin_error', details);
  }
  const waitMs = error.options.retryAfterMs ?? backoffMs(turn.number - 1, deps.random());
  const worthwhile = isWorthAnother({ input, number: turn.number }, error, waitMs, deps.now());
  const output = outputOf(deps, input, lateness(turn, waitMs));
  if (Object.keys(output.results).length === 0) {
    const details: DetectFailure = {
      message: error.message,
      attempts: turn.number,
      processing_time_ms: took,
      ...(error.failureCause && { cause: error.failureCause }),
    };
    throw ApplicationFailure.create({
      message: error.message,
      type: error.failure,
      nonRetryable: !worthwhile,
      nextRetryDelay: Math.round(waitMs),
      details: [details],
    });
  }
  if (worthwhile) return output;
  const { late = {}, results, cancelled } = output;
  const timing = { attempts: turn.number, processingTimeMs: took };
  const { failure, message, failureCause } = error;
  const result = failureResult(input.detector.name, failure, message, timing, failureCause);
  return {
    results: { ...results, ...Object.fromEntries(Object.keys(late).map((id) => [id, result])) },
    cancelled,
  };
}
