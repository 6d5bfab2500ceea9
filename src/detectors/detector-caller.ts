import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { DetectorResult, Unjudged } from '../contract/detector-result';
import type { ContentType } from '../contract/enums';
import type { Member, PlannedDetector } from '../contract/plan';
import { callsAtOnce } from '../domain/batching';
import { resultWithoutAnswer } from '../domain/results';
import type { DetectorAdapter, DetectorItem, DetectorRequest, ItemAnswer } from './adapter';
import { adaptersOver } from './adapters';
import { batchesOf } from './batches';
import { DetectorCallError } from './call-error';
import { failureResult, successResult, type Timing } from './detector-result';
import type { DetectorHttpClient } from './http-client';
import { type Ask, judgeBatch, type Judged } from './judge-batch';
import { limiter } from './limiter';
import { type Piece, piecesOf, Puzzle } from './pieces';
import { itemId } from './request-headers';

export interface CallContext {
  readonly runId: string;
  readonly tenantId: string;
  readonly contentType: ContentType;
  readonly fingerprintKey: Buffer;
  /** When the detector's first attempt was asked for (epoch ms), and which attempt this is, from 1. */
  readonly startedAt: number;
  readonly attempt: number;
  /** Asked right before a call: who is not wanted any more does not ride. */
  readonly wanted: (requestId: string) => boolean;
  /** Told of results as they come, so that no later failure takes them back. */
  readonly answered: (results: ReadonlyMap<string, DetectorResult>) => void;
}

/** Calls a planned detector for some members, in as few calls as its protocol allows. */
export class DetectorCaller {
  readonly #adapters: Readonly<Record<PlannedDetector['call']['protocol'], DetectorAdapter>>;

  constructor(
    http: DetectorHttpClient,
    private readonly now: () => number = Date.now,
  ) {
    this.#adapters = adaptersOver(http);
  }

  /**
   * @returns a result for every member that is still wanted: a failure only where others were judged
   * @throws DetectorCallError when none was judged, or when those of whom `answered` was not told should be asked for
   *   again; or the reason of the signal's abort
   */
  async call(
    detector: PlannedDetector,
    members: readonly Member[],
    context: CallContext,
    signal: AbortSignal,
  ): Promise<Map<string, DetectorResult>> {
    const results = new Map<string, DetectorResult>();
    const failures: (readonly [Member, DetectorCallError])[] = [];
    const timing = (): Timing => ({
      attempts: context.attempt,
      processingTimeMs: this.now() - context.startedAt,
    });
    const puzzle = new Puzzle(context.attempt <= detector.max_retries);
    const settled = (judged: Judged<Piece>): void => {
      const fresh = new Map<string, DetectorResult>();
      for (const [member, answer] of judged.flatMap(([piece, of]) => puzzle.place(piece, of))) {
        if (answer instanceof DetectorCallError) failures.push([member, answer]);
        else fresh.set(member.request_id, resultOf(detector, member, answer, timing(), context));
      }
      for (const [requestId, result] of fresh) results.set(requestId, result);
      if (fresh.size > 0) context.answered(fresh);
    };
    const ask = this.#asking(detector, context, signal);
    await Promise.all(
      batchesOf(
        detector,
        members.flatMap((member) => piecesOf(detector, member)),
        context.attempt,
      ).map((batch) => judgeBatch(ask, batch, settled)),
    );
    const again = failures.find(([, error]) => error.options.retryable)?.[1];
    if (results.size === 0 && failures.length > 0) throw again ?? failures[0]![1];
    const refused = new Map(
      failures
        .filter(([, error]) => !error.options.retryable)
        .map(([{ request_id }, { failure, message, failureCause }]) => [
          request_id,
          failureResult(detector.name, failure, message, timing(), failureCause),
        ]),
    );
    if (refused.size > 0) context.answered(refused);
    if (again) throw again;
    return new Map([...results, ...refused]);
  }

  #asking(detector: PlannedDetector, context: CallContext, signal: AbortSignal): Ask<Piece> {
    const adapter = this.#adapters[detector.call.protocol];
    const limited = limiter(callsAtOnce);
    // Each call listens to it.
    setMaxListeners(0, signal);
    return (pieces) =>
      limited(async () => {
        const live = pieces.filter(({ member }) => context.wanted(member.request_id));
        if (live.length === 0) return [];
        try {
          const answers = await adapter(toRequest(detector, live, context), signal);
          return live.map((piece, index) => [piece, answers[index]!] as const);
        } catch (error) {
          if (!(error instanceof DetectorCallError)) throw error;
          return live.map((piece) => [piece, error] as const);
        }
      });
  }
}

/** What goes wrong over one answer is its member's result, not its neighbors' (design.md 7, 15). */
function resultOf(
  detector: PlannedDetector,
  member: Member,
  answer: ItemAnswer,
  timing: Timing,
  context: CallContext,
): DetectorResult {
  try {
    return withGaps(successResult(detector, wholeOf(member), answer, timing, context), member);
  } catch {
    return resultWithoutAnswer(detector.name, 'plugin_error', timing.processingTimeMs);
  }
}

/** What of the member's file no detector was sent, none has judged (docs/adr/0011-files.md). */
function withGaps(result: DetectorResult, { gaps }: Member): DetectorResult {
  if (gaps === undefined) return result;
  const missing: Unjudged = { reason: 'not_extracted', start: null, end: null, labels: [...gaps] };
  return { ...result, unjudged: [...(result.unjudged ?? []), missing] };
}

function wholeOf(member: Member): DetectorItem {
  return {
    requestId: member.request_id,
    content: member.content,
    contentLength: member.content_length,
    metadata: member.metadata,
  };
}

function toItem({ member, content, length, part }: Piece): DetectorItem {
  return { ...wholeOf(member), content, contentLength: length, ...(part === null ? {} : { part }) };
}

function toRequest(
  detector: PlannedDetector,
  pieces: readonly Piece[],
  context: CallContext,
): DetectorRequest {
  const items = pieces.map(toItem);
  const ids = items.map(itemId).join();
  const first = pieces[0]?.member;
  return {
    detector: detector.name,
    call: detector.call,
    contentType: context.contentType,
    tenantId: context.tenantId,
    correlationId: first!.correlation_id,
    traceparent: first!.traceparent,
    idempotencyKey: `${context.runId}:${detector.name}:${createHash('sha256').update(ids).digest('hex').slice(0, 32)}`,
    items,
  };
}
