import { createHash } from 'node:crypto';
import { ConclaveError } from '../../../src/contract/errors';
import type { BulkChunks, BulkEntry } from '../../../src/store/bulk-chunks';
import type { BulkJobs } from '../../../src/store/bulk-jobs';
import type { Claim, HeldClaim, Runs } from '../../../src/store/runs';
import { BulkIntake, type BulkLine, type BulkUpload } from '../../../src/submission/bulk-intake';
import { requestId, requestOf } from './support';

const bulkId = `bulk-${requestId}`;
const fingerprint = createHash('sha256').update('upload').digest();

let begun: { bulkId: string; tenantId: string; callbackUrl: string | null; claim: Claim | null }[];
let stored: { chunk: number; firstIndex: number; entries: readonly BulkEntry[] }[];
let finished: { items: number; fingerprint: Buffer }[];
let discarded: string[];
let outcome: Awaited<ReturnType<BulkJobs['begin']>>;
let held: HeldClaim | null;
let uploadState: Awaited<ReturnType<BulkJobs['uploadState']>>;
beforeEach(() => {
  [begun, stored, finished, discarded] = [[], [], [], []];
  outcome = 'begun';
  held = null;
  uploadState = 'whole';
});

const intake = (maxItems = 1000) =>
  new BulkIntake({
    jobs: {
      begin: async (job, claim) => {
        begun.push({ bulkId: job.bulkId, tenantId: job.tenantId, callbackUrl: job.callbackUrl, claim });
        return outcome;
      },
      renewLease: async () => true,
      finishUpload: async (_bulkId, items, of) => void finished.push({ items, fingerprint: of }),
      discard: async (id) => void discarded.push(id),
      uploadState: async () => uploadState,
    } satisfies Partial<BulkJobs> as unknown as BulkJobs,
    chunks: {
      add: async ({ chunk, firstIndex }, entries) => void stored.push({ chunk, firstIndex, entries }),
    } satisfies Partial<BulkChunks> as unknown as BulkChunks,
    runs: { claimOn: async () => held } satisfies Partial<Runs> as unknown as Runs,
    maxItems,
  });

const valid = (line: number, overrides: object = {}, bytes = 100): BulkLine => ({
  line,
  bytes,
  request: requestOf(overrides),
  routingTokens: [],
});
const bad = (line: number): BulkLine => ({
  line,
  bytes: 10,
  refusal: new ConclaveError('INVALID_REQUEST', 'it is bad', { detail: 'invalid_json' }),
});

const uploadOf = (lines: readonly BulkLine[], overrides: Partial<BulkUpload> = {}): BulkUpload => ({
  requestId,
  correlationId: 'corr',
  traceparent: null,
  asked: { principal: 'ann', endpoint: 'POST /orchestrate' },
  tenantId: null,
  parentBulkId: null,
  callbackUrl: null,
  receivedAt: 1_000_000,
  route: 'POST /orchestrate/bulk',
  idempotencyKey: null,
  lines: (async function* () {
    yield* lines;
  })(),
  fingerprint: () => fingerprint,
  admit: async () => undefined,
  ...overrides,
});

describe('An upload', () => {
  it('is stored in chunks, each line with an identity of its own', async () => {
    const lines = Array.from({ length: 300 }, (_, n) => (n === 7 ? bad(8) : valid(n + 1)));
    expect(await intake().receive(uploadOf(lines))).toEqual({ bulkId, tenantId: 'acme', replayed: false });
    expect(stored.map(({ chunk, firstIndex, entries }) => [chunk, firstIndex, entries.length])).toEqual([
      [0, 0, 256],
      [1, 256, 44],
    ]);
    const entries = stored.flatMap((chunk) => chunk.entries);
    expect(entries.map(({ line }) => line)).toEqual(lines.map(({ line }) => line));
    expect(new Set(entries.map(({ request_id }) => request_id)).size).toBe(300);
    expect(entries[7]).toMatchObject({
      error: { detail: 'invalid_json', request_id: entries[7]!.request_id, correlation_id: 'corr' },
    });
    expect(finished).toEqual([{ items: 300, fingerprint }]);
    expect(discarded).toEqual([]);
  });

  it('has chunks of bounded bytes', async () => {
    const lines = [valid(1, {}, 200_000), valid(2, {}, 90_000), valid(3, {}, 8000), valid(4, {}, 400)];
    await intake().receive(uploadOf(lines));
    expect(stored.map(({ entries }) => entries.map(({ line }) => line))).toEqual([[1], [2, 3], [4]]);
  });

  it('belongs to the tenant of its first valid line; bad lines before it are kept', async () => {
    await intake().receive(uploadOf([bad(1), bad(2), valid(3)]));
    expect(begun.map(({ tenantId }) => tenantId)).toEqual(['acme']);
    expect(stored[0]!.entries).toHaveLength(3);
  });

  it.each([
    ['of nothing', [], 'no_items'],
    ['of bad lines of nobody', [bad(1)], 'tenant_unknown'],
    ['of too many bad lines of nobody', Array.from({ length: 300 }, (_, n) => bad(n)), 'tenant_unknown'],
  ])('%s is refused before anything is stored', async (_what, lines, detail) => {
    await expect(intake().receive(uploadOf(lines))).rejects.toMatchObject({ detail });
    expect([begun, stored, discarded]).toEqual([[], [], []]);
  });

  it.each([
    ['of two tenants', [valid(1), valid(2, { tenant_id: 'other' })], 'tenant_mismatch'],
    ['of too many lines', Array.from({ length: 4 }, (_, n) => valid(n)), 'too_many_items'],
  ])('%s is discarded', async (_what, lines, detail) => {
    await expect(intake(3).receive(uploadOf(lines))).rejects.toMatchObject({ detail });
    expect([discarded, finished]).toEqual([[bulkId], []]);
  });

  it('that breaks off is discarded', async () => {
    const lines = (async function* () {
      yield valid(1);
      throw new Error('aborted');
    })();
    await expect(intake().receive(uploadOf([], { lines }))).rejects.toThrow('aborted');
    expect(discarded).toEqual([bulkId]);
  });

  it('is admitted once, before it is begun', async () => {
    const admit = jest.fn().mockRejectedValue(new ConclaveError('RATE_LIMITED', 'no'));
    await expect(intake().receive(uploadOf([valid(1)], { admit }))).rejects.toMatchObject({
      code: 'RATE_LIMITED',
    });
    expect(admit.mock.calls).toEqual([['acme']]);
    expect(begun).toEqual([]);
  });

  it('is refused while too many jobs are open', async () => {
    outcome = 'too_many';
    await expect(intake().receive(uploadOf([valid(1)]))).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      detail: 'too_many_bulk_jobs',
    });
  });
});

describe('An upload whose key is held', () => {
  const keyed = { idempotencyKey: 'key' };
  const heldWith = (of: Buffer): HeldClaim => ({
    fingerprint: of,
    requestId: '1d3c1c62-8a35-4a0e-9d60-6f6c0a7a6f11',
    runId: 'run',
    leaseExpired: true,
  });
  beforeEach(() => {
    outcome = 'key_held';
  });

  it('is answered with the job that it made before', async () => {
    held = heldWith(fingerprint);
    expect(await intake().receive(uploadOf([valid(1), valid(2)], keyed))).toEqual({
      bulkId: 'bulk-1d3c1c62-8a35-4a0e-9d60-6f6c0a7a6f11',
      tenantId: 'acme',
      replayed: true,
    });
    expect([stored, finished, discarded]).toEqual([[], [], []]);
    expect(begun).toHaveLength(1);
  });

  it('conflicts when it is another one', async () => {
    held = heldWith(createHash('sha256').update('another').digest());
    await expect(intake().receive(uploadOf([valid(1)], keyed))).rejects.toMatchObject({
      status: 409,
      detail: 'idempotency_conflict',
    });
  });

  it('has to wait while that one comes in', async () => {
    held = heldWith(Buffer.alloc(0));
    uploadState = 'running';
    await expect(intake().receive(uploadOf([valid(1)], keyed))).rejects.toMatchObject({
      status: 409,
      detail: 'upload_in_progress',
    });
  });

  it('takes the key over from a facade that has died', async () => {
    held = heldWith(Buffer.alloc(0));
    uploadState = 'abandoned';
    outcome = 'begun';
    const received = await intake().receive(uploadOf([valid(1)], keyed));
    expect(received).toMatchObject({ bulkId, replayed: false });
    expect(discarded).toEqual(['bulk-1d3c1c62-8a35-4a0e-9d60-6f6c0a7a6f11']);
  });
});
