import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { deflateRaw, deflateRawSync, inflateRawSync } from 'node:zlib';
import {
  type DataConverter,
  defaultPayloadConverter,
  type Payload,
  type PayloadCodec,
} from '@temporalio/common';
import { temporal } from '@temporalio/proto';
import {
  ExternalStorage,
  type StorageDriver,
  StorageDriverClaim,
} from '@temporalio/common/lib/converter/extstore';
import type { SerializationContext } from '@temporalio/common/lib/converter/serialization-context';
import { decodeReferencePayload, isReferencePayload } from '@temporalio/common/lib/internal-non-workflow';
import type { Db } from './database';
import { type KeyRing, RunKeyDestroyedError } from './key-ring';
import { seal, unseal } from './sealed-box';
import { outlastingOutage } from './store-outage';

// Serialization context and external storage are experimental in SDK 1.24; everything that knows them is in this file.

const { Payload: PayloadProto } = temporal.api.common.v1;
const encoding = Buffer.from('binary/encrypted');
const largePayloadBytes = 96 * 1024;
/** Members and their results repeat the same keys: from here on squeezing them pays. */
const squeezedFromBytes = 1024;
const mostPayloadBytes = 64 * 1024 * 1024;
/** What takes longer to squeeze than a trip to another thread does not hold up this one. */
const squeezedAsideFromBytes = 256 * 1024;
const deflateAside = promisify(deflateRaw);

/**
 * Encrypts every payload under the key of its run, found by workflow id; runless workflows use the service key. While the
 * store is away it waits: a worker whose codec throws ends, and a task that takes too long is given to another.
 */
export class EncryptingCodec implements PayloadCodec {
  constructor(private readonly keys: KeyRing) {}

  async encode(payloads: Payload[], context?: SerializationContext): Promise<Payload[]> {
    // What belongs to no workflow, such as a failure of the worker itself, goes under the service key.
    const workflowId = context?.workflowId ?? '';
    const runKey = workflowId === '' ? null : await this.#runKey(workflowId);
    return Promise.all(payloads.map((payload) => this.#encodeOne(payload, runKey, context)));
  }

  async #encodeOne(
    payload: Payload,
    runKey: Buffer | null,
    context?: SerializationContext,
  ): Promise<Payload> {
    const workflowId = context?.workflowId ?? '';
    const plain = PayloadProto.encode(payload).finish();
    const squeezed = plain.length >= squeezedFromBytes;
    return {
      metadata: {
        encoding,
        'conclave-workflow': Buffer.from(workflowId),
        'conclave-key': Buffer.from(runKey ? 'run' : 'service'),
        ...(squeezed ? { 'conclave-compression': Buffer.from('deflate') } : {}),
        ...(context?.type === 'activity' && context.isLocal ? { 'conclave-local': Buffer.from('true') } : {}),
      },
      data: seal(runKey ?? (await this.#serviceKey()), squeezed ? await squeeze(plain) : plain, workflowId),
    };
  }

  async decode(payloads: Payload[]): Promise<Payload[]> {
    return Promise.all(payloads.map((payload) => this.#decodeOne(payload)));
  }

  async #decodeOne(payload: Payload): Promise<Payload> {
    if (textOf(payload, 'encoding') !== 'binary/encrypted') return payload;
    const workflowId = textOf(payload, 'conclave-workflow');
    const key =
      textOf(payload, 'conclave-key') === 'run' ? await this.#runKey(workflowId) : await this.#serviceKey();
    if (key === null) throw new RunKeyDestroyedError(workflowId);
    const plain = unseal(key, payload.data ?? new Uint8Array(), workflowId);
    return PayloadProto.decode(
      textOf(payload, 'conclave-compression') === ''
        ? plain
        : inflateRawSync(plain, { maxOutputLength: mostPayloadBytes }),
    );
  }

  #serviceKey(): Promise<Buffer> {
    return outlastingOutage(() => this.keys.serviceKey());
  }

  #runKey(workflowId: string): Promise<Buffer | null> {
    return outlastingOutage(() => this.keys.runKey(workflowId));
  }
}

/** Keeps payloads over 96 KiB, compressed and encrypted already, in table `blob`, so that histories stay small (claim check). */
class BlobStorageDriver implements StorageDriver {
  readonly name = 'conclave-blob';
  readonly type = 'conclave.postgres';

  constructor(private readonly db: Db) {}

  async store(context: { target?: { id?: string } }, payloads: Payload[]): Promise<StorageDriverClaim[]> {
    const rows = payloads.map((payload) => ({
      blob_id: randomUUID(),
      run_id: context.target?.id ?? '',
      payload: Buffer.from(PayloadProto.encode(payload).finish()),
    }));
    await this.db.insertInto('blob').values(rows).execute();
    return rows.map(({ blob_id, run_id }) => new StorageDriverClaim({ blob_id, run_id }));
  }

  async retrieve(_context: unknown, claims: StorageDriverClaim[]): Promise<Payload[]> {
    const ids = claims.map((claim) => claim.claimData['blob_id']!);
    const rows = await this.db.selectFrom('blob').selectAll().where('blob_id', 'in', ids).execute();
    const byId = new Map(rows.map((row) => [row.blob_id, row.payload]));
    return claims.map(({ claimData }) => {
      const payload = byId.get(claimData['blob_id']!);
      // It goes with the key of its run.
      if (payload === undefined) throw new RunKeyDestroyedError(claimData['run_id'] ?? 'unknown');
      return PayloadProto.decode(payload);
    });
  }
}

/** Whose an encrypted payload is. */
export interface PayloadOwner {
  readonly workflowId: string;
  /** Null: it is under the service's key, or of no run that there is. */
  readonly tenantId: string | null;
}

/** Reads payloads out of a history, wherever they are kept. @throws RunKeyDestroyedError */
export class PayloadReader {
  readonly #codec: EncryptingCodec;
  readonly #blobs: BlobStorageDriver;

  constructor(
    db: Db,
    private readonly keys: KeyRing,
  ) {
    this.#codec = new EncryptingCodec(keys);
    this.#blobs = new BlobStorageDriver(db);
  }

  async decode(payloads: readonly Payload[]): Promise<Payload[]> {
    const inline = await Promise.all(payloads.map((payload) => this.#fetched(payload)));
    return this.#codec.decode(inline);
  }

  /** Null: it is not encrypted. It says so itself, and can be decoded as nobody else's. @throws RunKeyDestroyedError */
  async ownerOf(payload: Payload): Promise<PayloadOwner | null> {
    const inline = await this.#fetched(payload);
    if (textOf(inline, 'encoding') !== 'binary/encrypted') return null;
    const workflowId = textOf(inline, 'conclave-workflow');
    const isRun = textOf(inline, 'conclave-key') === 'run';
    return { workflowId, tenantId: isRun ? await this.keys.tenantOfRun(workflowId) : null };
  }

  async value(payload: Payload): Promise<unknown> {
    const [decoded] = await this.decode([payload]);
    return defaultPayloadConverter.fromPayload(decoded!);
  }

  async #fetched(payload: Payload): Promise<Payload> {
    if (!isReferencePayload(payload)) return payload;
    const { claimData } = decodeReferencePayload(payload);
    const [fetched] = await this.#blobs.retrieve({}, [new StorageDriverClaim(claimData)]);
    return fetched!;
  }
}

export function createDataConverter(db: Db, keys: KeyRing): DataConverter {
  const blobs = new BlobStorageDriver(db);
  return {
    payloadCodecs: [new EncryptingCodec(keys)],
    failureConverterPath: require.resolve('../workflows/failure-converter'),
    externalStorage: new ExternalStorage({
      drivers: [blobs],
      // Arguments of local activities never leave the process; a detour through the store would only cost.
      driverSelector: (_context, payload) => (textOf(payload, 'conclave-local') === '' ? blobs : null),
      payloadSizeThreshold: largePayloadBytes,
    }),
  };
}

async function squeeze(plain: Uint8Array): Promise<Buffer> {
  if (plain.length >= squeezedAsideFromBytes) return deflateAside(plain, { level: 1 });
  return deflateRawSync(plain, { level: 1 });
}

function textOf(payload: Payload, key: string): string {
  const value = payload.metadata?.[key];
  return value ? Buffer.from(value).toString() : '';
}
