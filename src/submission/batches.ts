import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import type { ErrorResponse, OrchestrationResponse } from '../contract/answer';
import type { BatchItemResult } from '../contract/batch';
import type { Priority, ProcessingMode } from '../contract/enums';
import { ConclaveError } from '../contract/errors';
import type { VersionInfo } from '../contract/payload';
import type { Asked } from '../contract/plan';
import type { OrchestrationRequest } from '../contract/request';
import { slaOf, type SlaSettings } from '../domain/budget';
import { answeredItem, batchResponse, failedItem } from '../domain/batch';
import { canonicalJson } from '../domain/canonical-json';
import { errorResponse } from '../domain/error-response';
import { BatchAnswers, type BatchClaim } from '../store/batch-answers';
import type { Db } from '../store/database';
import type { KeyRing } from '../store/key-ring';
import { Companions } from './companions';
import type { Answer } from './execution';
import { Submission, type SubmissionDependencies } from './submission';

/** A request with what it asks about, once that has been fetched and read. */
interface TakenItem {
  readonly request: OrchestrationRequest;
  readonly routingTokens: readonly string[];
  /** When its time begins, epoch ms. */
  readonly receivedAt: number;
}

/** An entry of `requests` that can be run. */
interface SoundItem {
  readonly mode: ProcessingMode;
  readonly policyBundle: string;
  readonly priority: Priority;
  /** SHA-256 of what was sent, which is the same whether it could be read this time or not. */
  readonly digest: string;
  /** Called when the batch runs: of one that is answered already nothing is read. @throws ConclaveError */
  readonly take: () => Promise<TakenItem>;
}

/** One that cannot, and why. */
export interface FaultyItem {
  readonly fault: ConclaveError;
  readonly mode: ProcessingMode;
  /** As it is named; empty when it is not. */
  readonly policyBundle: string;
  /** SHA-256 of what was sent. */
  readonly digest: string;
}

export type BatchItem = SoundItem | FaultyItem;

/** A batch that passed admission. */
export interface AcceptedBatch {
  readonly items: readonly BatchItem[];
  /** Null when no item names one: then there is nothing to run. */
  readonly tenantId: string | null;
  readonly idempotencyKey: string;
  readonly batchId: string | null;
  readonly correlationId: string;
  readonly traceparent: string | null;
  readonly asked: Asked;
  /** Epoch ms. */
  readonly receivedAt: number;
}

export interface BatchAnswer {
  readonly body: Buffer;
  readonly replayed: boolean;
}

export interface BatchesDependencies {
  readonly submission: Pick<Submission, 'submit'>;
  readonly answers: BatchAnswers;
  readonly sla: SlaSettings;
  readonly versionInfo: VersionInfo;
  readonly log: { error(fields: object, message: string): void };
}

interface BatchParts extends Pick<BatchesDependencies, 'sla' | 'versionInfo' | 'log'> {
  readonly db: Db;
  readonly keys: KeyRing;
  readonly retentionMs: number;
}

/** Batches whose items are submitted like single requests, under keys of their own. */
export function batchesOver(single: SubmissionDependencies, parts: BatchParts): Batches {
  return new Batches({
    submission: new Submission(single, 'POST /orchestrate/batch'),
    answers: new BatchAnswers(parts.db, parts.keys, parts.retentionMs),
    sla: parts.sla,
    versionInfo: parts.versionInfo,
    log: parts.log,
  });
}

/**
 * Batches on the way of single requests (spec/orchestration.md 1.2): each item has a key of its own, `<key>#<index>`, so
 * that a batch whose facade died is simply run again and joins what it had begun. The whole answer is stored last.
 */
export class Batches {
  readonly #running = new Map<string, Promise<Buffer>>();

  constructor(private readonly deps: BatchesDependencies) {}

  /** @throws ConclaveError INVALID_REQUEST 409 `idempotency_conflict` */
  async submit(batch: AcceptedBatch): Promise<BatchAnswer> {
    const claim = claimFor(batch);
    if (!claim) return { body: await this.#run(batch), replayed: false };
    const held = await this.deps.answers.claim(claim);
    if (!timingSafeEqual(held.fingerprint, claim.fingerprint)) {
      throw new ConclaveError('INVALID_REQUEST', 'the Idempotency-Key was used before with another body', {
        status: 409,
        detail: 'idempotency_conflict',
      });
    }
    if (held.answer) return { body: held.answer, replayed: true };
    return { body: await this.#once(claim, batch), replayed: false };
  }

  /** In this process a batch runs once at a time; elsewhere its items join each other. */
  async #once(claim: BatchClaim, batch: AcceptedBatch): Promise<Buffer> {
    const name = `${claim.tenantId} ${claim.keyHash.toString('hex')}`;
    const running = this.#running.get(name);
    if (running) return running;
    const run = this.#runAndKeep(claim, batch);
    this.#running.set(name, run);
    try {
      return await run;
    } finally {
      this.#running.delete(name);
    }
  }

  async #runAndKeep(claim: BatchClaim, batch: AcceptedBatch): Promise<Buffer> {
    try {
      return await this.deps.answers.keep(claim, await this.#run(batch));
    } catch (error) {
      await this.deps.answers.release(claim).catch(() => undefined);
      throw error;
    }
  }

  async #run(batch: AcceptedBatch): Promise<Buffer> {
    const items = batch.items.map((item) => ({ item, requestId: randomUUID() }));
    const sound = items.flatMap(({ item, requestId }) => ('take' in item ? { item, requestId } : []));
    const companions = new Companions(
      sound.map(({ requestId }) => requestId),
      Math.max(0, ...sound.map(({ item }) => slaOf(item.priority, this.deps.sla))),
    );
    const results = await Promise.all(
      items.map(async ({ item, requestId }, index) => {
        try {
          return await this.#result(batch, item, index, requestId, companions);
        } finally {
          companions.arrive(requestId);
        }
      }),
    );
    const response = batchResponse(results, batch.idempotencyKey, batch.batchId);
    return Buffer.from(JSON.stringify(response));
  }

  async #result(
    batch: AcceptedBatch,
    item: BatchItem,
    index: number,
    requestId: string,
    companions: Companions,
  ): Promise<BatchItemResult> {
    const { correlationId, traceparent, asked } = batch;
    const idempotencyKey = `${batch.idempotencyKey}#${index}`;
    try {
      if ('fault' in item) throw item.fault;
      const { request, routingTokens, receivedAt } = await item.take();
      const answer = await this.deps.submission.submit({
        request,
        requestId,
        correlationId,
        traceparent,
        asked,
        idempotencyKey,
        receivedAt,
        routingTokens,
        companions,
      });
      const body = bodyOf(answer);
      if ('detector_results' in body) return answeredItem(index, answer.status, body);
      return failedItem(index, answer.status, body, this.#unrouted(batch, item, idempotencyKey));
    } catch (error) {
      const known = this.#asConclaveError(error, requestId, correlationId);
      const ids = { request_id: requestId, correlation_id: correlationId };
      const body = errorResponse(known, ids, Date.now());
      return failedItem(index, known.status, body, this.#unrouted(batch, item, idempotencyKey));
    }
  }

  #unrouted(batch: AcceptedBatch, { mode, policyBundle }: BatchItem, idempotencyKey: string) {
    return {
      mode,
      policyBundle,
      idempotencyKey,
      versionInfo: this.deps.versionInfo,
      elapsedMs: Math.max(0, Date.now() - batch.receivedAt),
    };
  }

  /** What is nobody's fault but ours fails one item, and is told to the operators as if it had failed a request. */
  #asConclaveError(error: unknown, requestId: string, correlationId: string): ConclaveError {
    const known =
      error instanceof ConclaveError
        ? error
        : new ConclaveError('INTERNAL_ERROR', 'something went wrong on our side');
    if (known.status >= 500) {
      this.deps.log.error(
        { error, request_id: requestId, correlation_id: correlationId },
        'an item of a batch failed',
      );
    }
    return known;
  }
}

function bodyOf(answer: Answer): OrchestrationResponse | ErrorResponse {
  return JSON.parse(answer.body.toString()) as OrchestrationResponse | ErrorResponse;
}

/** @returns null for a batch of no tenant */
function claimFor({ tenantId, idempotencyKey, batchId, items }: AcceptedBatch): BatchClaim | null {
  if (tenantId === null) return null;
  const canonical = canonicalJson({
    batch_id: batchId,
    requests: items.map(({ digest }) => digest),
  });
  const sha256 = (text: string) => createHash('sha256').update(text).digest();
  return { tenantId, keyHash: sha256(idempotencyKey), fingerprint: sha256(canonical) };
}
