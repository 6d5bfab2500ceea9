import { createHash } from 'node:crypto';
import type { DetectorResult } from '../contract/detector-result';
import type { ContentType } from '../contract/enums';
import type { Member, PlannedDetector } from '../contract/plan';
import type { DetectorAdapter, DetectorItem, DetectorRequest, ItemAnswer } from './adapter';
import { conclaveProtocol } from './conclave-protocol';
import { DetectorCallError } from './call-error';
import { failureResult, successResult, type Timing } from './detector-result';
import { detectorsApi } from './detectors-api';
import type { DetectorHttpClient } from './http-client';
import { httpJson } from './http-json';

export interface CallContext {
  readonly runId: string;
  readonly tenantId: string;
  readonly contentType: ContentType;
  readonly fingerprintKey: Buffer;
  /** When the detector's first attempt was asked for (epoch ms), and which attempt this is, from 1. */
  readonly startedAt: number;
  readonly attempt: number;
}

/** Calls a planned detector for some members, in as few calls as its protocol allows. */
export class DetectorCaller {
  readonly #adapters: Readonly<Record<PlannedDetector['call']['protocol'], DetectorAdapter>>;

  constructor(
    http: DetectorHttpClient,
    private readonly now: () => number = Date.now,
  ) {
    this.#adapters = {
      'detectors-api': detectorsApi(http),
      conclave: conclaveProtocol(http),
      'http-json': httpJson(http),
    };
  }

  /**
   * @returns a result for every member: a failure only where the others of its batch were judged
   * @throws DetectorCallError when none was judged, or the reason of the signal's abort
   */
  async call(
    detector: PlannedDetector,
    members: readonly Member[],
    context: CallContext,
    signal: AbortSignal,
  ): Promise<Map<string, DetectorResult>> {
    const answers: (ItemAnswer | DetectorCallError)[] = [];
    for (let at = 0; at < members.length; at += detector.call.max_batch) {
      const batch = members.slice(at, at + detector.call.max_batch);
      answers.push(...(await this.#judge(detector, batch, context, signal)));
    }
    const failures = answers.filter((answer) => answer instanceof DetectorCallError);
    if (failures.length === answers.length) throw failures[0]!;
    const timing: Timing = { attempts: context.attempt, processingTimeMs: this.now() - context.startedAt };
    return new Map(
      members.map((member, index) => {
        const answer = answers[index]!;
        const result =
          answer instanceof DetectorCallError
            ? failureResult(detector.name, answer.failure, answer.message, timing)
            : successResult(detector, toItem(member), answer, timing, context.fingerprintKey);
        return [member.request_id, result];
      }),
    );
  }

  /** A batch that the detector refuses or answers wrongly is halved until the guilty item stands alone. */
  async #judge(
    detector: PlannedDetector,
    members: readonly Member[],
    context: CallContext,
    signal: AbortSignal,
  ): Promise<(ItemAnswer | DetectorCallError)[]> {
    try {
      const request = toRequest(detector, members, context);
      return [...(await this.#adapters[detector.call.protocol](request, signal))];
    } catch (error) {
      if (!(error instanceof DetectorCallError) || error.options.retryable) throw error;
      if (members.length === 1) return [error];
      const middle = Math.ceil(members.length / 2);
      const first = await this.#judge(detector, members.slice(0, middle), context, signal);
      return [...first, ...(await this.#judge(detector, members.slice(middle), context, signal))];
    }
  }
}

function toItem(member: Member): DetectorItem {
  return {
    requestId: member.request_id,
    content: member.content,
    contentLength: member.content_length,
    metadata: member.metadata,
  };
}

function toRequest(
  detector: PlannedDetector,
  members: readonly Member[],
  context: CallContext,
): DetectorRequest {
  const ids = members.map((member) => member.request_id).join();
  const [first] = members;
  return {
    detector: detector.name,
    call: detector.call,
    contentType: context.contentType,
    tenantId: context.tenantId,
    correlationId: first!.correlation_id,
    traceparent: first!.traceparent,
    idempotencyKey: `${context.runId}:${detector.name}:${createHash('sha256').update(ids).digest('hex').slice(0, 32)}`,
    items: members.map(toItem),
  };
}
