import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import { ConclaveError } from '../contract/errors';
import type { Asked } from '../contract/plan';
import type { OrchestrationRequest } from '../contract/request';
import { bulkLimits, fitsChunk } from '../domain/bulk';
import { errorResponse } from '../domain/error-response';
import type { BulkChunks, BulkEntry } from '../store/bulk-chunks';
import type { BulkJobs } from '../store/bulk-jobs';
import type { Claim, Runs } from '../store/runs';

/** A line of an upload: a request, or what is wrong with it. */
export type BulkLine = { readonly line: number; readonly bytes: number } & (
  | { readonly request: OrchestrationRequest; readonly routingTokens: readonly string[] }
  | { readonly refusal: ConclaveError }
);

export interface BulkUpload {
  /** UUID that becomes the job's. */
  readonly requestId: string;
  readonly correlationId: string;
  readonly traceparent: string | null;
  readonly asked: Asked;
  /** Null: that of the first valid line. */
  readonly tenantId: string | null;
  readonly parentBulkId: string | null;
  /** Whom the job calls back; null: nobody. */
  readonly callbackUrl: string | null;
  readonly receivedAt: number;
  readonly route: string;
  readonly idempotencyKey: string | null;
  readonly lines: AsyncIterable<BulkLine>;
  /** SHA-256 of all lines, once they have been read. */
  readonly fingerprint: () => Buffer;
  /** Asked once, before anything is stored; throws to refuse. */
  readonly admit: (tenantId: string) => Promise<void>;
}

export interface BulkReceived {
  readonly bulkId: string;
  readonly tenantId: string;
  readonly replayed: boolean;
}

export interface BulkIntakeDependencies {
  readonly jobs: BulkJobs;
  readonly chunks: BulkChunks;
  readonly runs: Runs;
  /** Of one upload. */
  readonly maxItems: number;
}

const renewEveryMs = 10_000;

/** Takes uploads in, chunk by chunk: whatever their size, a chunk and a line are in memory at a time. */
export class BulkIntake {
  constructor(private readonly deps: BulkIntakeDependencies) {}

  /**
   * Stores an upload whole or not at all.
   * @throws ConclaveError INVALID_REQUEST (`too_many_items`, `no_items`, `tenant_unknown`, `idempotency_conflict`,
   *   `upload_in_progress`), INSUFFICIENT_RBAC (`tenant_mismatch`), RATE_LIMITED (`too_many_bulk_jobs`)
   */
  async receive(upload: BulkUpload): Promise<BulkReceived> {
    const writer = new BulkWriter(this.deps, upload);
    const lease = setInterval(() => void writer.renewLease(), renewEveryMs).unref();
    try {
      for await (const line of upload.lines) await writer.add(line);
      if (writer.heldBy !== null) return await this.#replay(upload, writer.heldBy);
      return await writer.finish();
    } catch (error) {
      await writer.discard();
      throw error;
    } finally {
      clearInterval(lease);
    }
  }

  /** Another upload has the key: this one was read only to see whether it is the same. */
  async #replay(upload: BulkUpload, claim: Claim): Promise<BulkReceived> {
    const held = await this.deps.runs.claimOn(claim);
    const bulkId = held === null ? null : `bulk-${held.requestId}`;
    if (bulkId === null || (await this.deps.jobs.uploadState(bulkId)) !== 'whole') {
      throw new ConclaveError('INVALID_REQUEST', 'another upload with this Idempotency-Key is under way', {
        status: 409,
        detail: 'upload_in_progress',
        retryAfterSeconds: 1,
      });
    }
    const fingerprint = upload.fingerprint();
    if (held!.fingerprint.length !== fingerprint.length || !timingSafeEqual(held!.fingerprint, fingerprint)) {
      throw new ConclaveError('INVALID_REQUEST', 'the Idempotency-Key was used before with another upload', {
        status: 409,
        detail: 'idempotency_conflict',
      });
    }
    return { bulkId, tenantId: claim.tenantId, replayed: true };
  }
}

class BulkWriter {
  readonly #bulkId: string;
  #tenantId: string | null;
  #begun = false;
  #items = 0;
  #chunks = 0;
  #waiting: BulkEntry[] = [];
  #waitingBytes = 0;
  /** The claim that another upload holds. */
  heldBy: Claim | null = null;

  constructor(
    private readonly deps: BulkIntakeDependencies,
    private readonly upload: BulkUpload,
  ) {
    this.#bulkId = `bulk-${upload.requestId}`;
    this.#tenantId = upload.tenantId;
  }

  async add(line: BulkLine): Promise<void> {
    if (this.heldBy !== null) return;
    if (this.#items + this.#waiting.length === this.deps.maxItems) {
      throw new ConclaveError('INVALID_REQUEST', `an upload may have at most ${this.deps.maxItems} items`, {
        detail: 'too_many_items',
      });
    }
    if ('request' in line) this.#requireTenant(line.request.tenant_id, line.line);
    if (!this.#begun && this.#tenantId !== null) await this.#begin(this.#tenantId);
    if (this.#isHeld) return;
    if (!fitsChunk({ items: this.#waiting.length, bytes: this.#waitingBytes }, line.bytes))
      await this.#flush();
    this.#waiting.push(this.#entryOf(line));
    this.#waitingBytes += line.bytes;
  }

  get #isHeld(): boolean {
    return this.heldBy !== null;
  }

  async finish(): Promise<BulkReceived> {
    if (this.#items + this.#waiting.length === 0) {
      throw new ConclaveError('INVALID_REQUEST', 'the upload has no items', { detail: 'no_items' });
    }
    await this.#flush();
    await this.deps.jobs.finishUpload(this.#bulkId, this.#items, this.upload.fingerprint());
    return { bulkId: this.#bulkId, tenantId: this.#tenantId!, replayed: false };
  }

  async discard(): Promise<void> {
    // Should the store be away, the keeper finds it by its lease.
    if (this.#begun) await this.deps.jobs.discard(this.#bulkId).catch(() => undefined);
  }

  async renewLease(): Promise<void> {
    if (this.#begun) await this.deps.jobs.renewLease(this.#bulkId).catch(() => undefined);
  }

  #requireTenant(tenantId: string, line: number): void {
    this.#tenantId ??= tenantId;
    if (tenantId === this.#tenantId) return;
    throw new ConclaveError('INSUFFICIENT_RBAC', `line ${line} is of another tenant than the upload`, {
      detail: 'tenant_mismatch',
      fieldErrors: [{ path: `[${line}].tenant_id`, message: 'must be the same in every line' }],
    });
  }

  async #begin(tenantId: string): Promise<void> {
    const { upload } = this;
    await upload.admit(tenantId);
    const claim = this.#claim(tenantId);
    if (claim !== null) await this.#dropAbandoned(claim);
    const job = {
      bulkId: this.#bulkId,
      tenantId,
      parentBulkId: upload.parentBulkId,
      correlationId: upload.correlationId,
      traceparent: upload.traceparent,
      asked: upload.asked,
      createdAt: new Date(upload.receivedAt),
      callbackUrl: upload.callbackUrl,
    };
    const outcome = await this.deps.jobs.begin(job, claim, bulkLimits.openJobs);
    if (outcome === 'too_many') {
      const message = `the tenant has ${bulkLimits.openJobs} bulk jobs open: wait for one to end, or cancel one`;
      throw new ConclaveError('RATE_LIMITED', message, {
        detail: 'too_many_bulk_jobs',
        retryAfterSeconds: 10,
      });
    }
    if (outcome === 'key_held') this.heldBy = claim;
    else this.#begun = true;
  }

  #claim(tenantId: string): Claim | null {
    const { idempotencyKey: key, route, requestId } = this.upload;
    if (key === null) return null;
    const keyHash = createHash('sha256').update(key).digest();
    // What the upload is becomes known at its end.
    return { tenantId, route, keyHash, fingerprint: Buffer.alloc(0), requestId };
  }

  async #dropAbandoned(claim: Claim): Promise<void> {
    const held = await this.deps.runs.claimOn(claim);
    if (held === null) return;
    const bulkId = `bulk-${held.requestId}`;
    if ((await this.deps.jobs.uploadState(bulkId)) === 'abandoned') await this.deps.jobs.discard(bulkId);
  }

  async #flush(): Promise<void> {
    if (this.#waiting.length === 0) return;
    if (!this.#begun) {
      throw new ConclaveError(
        'INVALID_REQUEST',
        'no line tells whose upload this is: send X-Tenant-ID, or look at the errors of the first lines',
        { detail: 'tenant_unknown', fieldErrors: faultsOf(this.#waiting) },
      );
    }
    const entries = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    const place = {
      bulkId: this.#bulkId,
      tenantId: this.#tenantId!,
      chunk: this.#chunks++,
      firstIndex: this.#items,
    };
    this.#items += entries.length;
    await this.deps.chunks.add(place, entries);
  }

  #entryOf(line: BulkLine): BulkEntry {
    const ids = { line: line.line, request_id: randomUUID() };
    if ('request' in line) return { ...ids, request: line.request, routing_tokens: line.routingTokens };
    const error = errorResponse(
      line.refusal,
      { request_id: ids.request_id, correlation_id: this.upload.correlationId },
      this.upload.receivedAt,
    );
    return { ...ids, error };
  }
}

const faultsShown = 10;

function faultsOf(entries: readonly BulkEntry[]) {
  return entries
    .flatMap((entry) => ('error' in entry ? [{ path: `[${entry.line}]`, message: entry.error.message }] : []))
    .slice(0, faultsShown);
}
