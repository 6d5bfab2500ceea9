import { createHash } from 'node:crypto';
import type { DetectorResult } from '../contract/detector-result';
import type { ContentType } from '../contract/enums';
import type { Member, PlannedDetector } from '../contract/plan';
import type { DetectorAdapter, DetectorItem, DetectorRequest, ItemAnswer } from './adapter';
import { conclaveProtocol } from './conclave-protocol';
import { successResult, type Timing } from './detector-result';
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
   * @returns a success for every member
   * @throws DetectorCallError, or the reason of the signal's abort
   */
  async call(
    detector: PlannedDetector,
    members: readonly Member[],
    context: CallContext,
    signal: AbortSignal,
  ): Promise<Map<string, DetectorResult>> {
    const items = members.map(toItem);
    const answers: ItemAnswer[] = [];
    for (let at = 0; at < items.length; at += detector.call.max_batch) {
      const batch = items.slice(at, at + detector.call.max_batch);
      const request = toRequest(detector, members[at]!, batch, context);
      answers.push(...(await this.#adapters[detector.call.protocol](request, signal)));
    }
    const timing: Timing = { attempts: context.attempt, processingTimeMs: this.now() - context.startedAt };
    return new Map(
      items.map((item, index) => [
        item.requestId,
        successResult(detector, item, answers[index]!, timing, context.fingerprintKey),
      ]),
    );
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
  first: Member,
  items: readonly DetectorItem[],
  context: CallContext,
): DetectorRequest {
  const ids = createHash('sha256')
    .update(items.map((item) => item.requestId).join())
    .digest('hex')
    .slice(0, 32);
  return {
    detector: detector.name,
    call: detector.call,
    contentType: context.contentType,
    tenantId: context.tenantId,
    correlationId: first.correlation_id,
    traceparent: first.traceparent,
    idempotencyKey: `${context.runId}:${detector.name}:${ids}`,
    items,
  };
}
