import { createHash, randomUUID } from 'node:crypto';
import type { BatchOrchestrationResponse } from '../../../src/contract/batch';
import { ConclaveError } from '../../../src/contract/errors';
import type { BatchAnswers, BatchClaim, HeldBatch } from '../../../src/store/batch-answers';
import { type AcceptedBatch, Batches, type BatchItem } from '../../../src/submission/batches';
import type { Accepted, Answer } from '../../../src/submission/execution';
import { fingerprintOf } from '../../../src/submission/fingerprint';
import { eventually } from '../../support/eventually';
import { answerWith, requestOf } from './support';

const sla = {
  sync_request_sla_ms: 2000,
  async_request_sla_ms: 30_000,
  sync_to_async_threshold_ms: 1500,
  priority_sla_overrides: {},
  mapper_timeout_budget_ms: 500,
};
const fault: BatchItem = {
  fault: new ConclaveError('INVALID_REQUEST', 'bad'),
  mode: 'async',
  policyBundle: 'named',
  digest: 'digest of what was sent',
};

/** Table `batch_answer` in memory. */
class Answers {
  readonly rows = new Map<string, HeldBatch>();
  keeps: (answer: Buffer) => Promise<Buffer> = (answer) => Promise.resolve(answer);

  async claim({ keyHash, fingerprint, tenantId }: BatchClaim): Promise<HeldBatch> {
    const name = `${tenantId} ${keyHash.toString('hex')}`;
    if (!this.rows.has(name)) this.rows.set(name, { fingerprint, answer: null });
    return this.rows.get(name)!;
  }

  async keep({ keyHash, fingerprint, tenantId }: BatchClaim, answer: Buffer): Promise<Buffer> {
    const kept = await this.keeps(answer);
    this.rows.set(`${tenantId} ${keyHash.toString('hex')}`, { fingerprint, answer: kept });
    return kept;
  }

  async release({ keyHash, tenantId }: BatchClaim): Promise<void> {
    this.rows.delete(`${tenantId} ${keyHash.toString('hex')}`);
  }
}

let answers: Answers;
let submitted: Accepted[];
let taken: string[];
let logged: object[];
let submit: (accepted: Accepted) => Promise<Answer>;
let batches: Batches;
beforeEach(() => {
  answers = new Answers();
  submitted = [];
  taken = [];
  logged = [];
  submit = async ({ requestId }) => ({
    ...answerWith(200, { request_id: requestId, detector_results: [] }),
    requestId,
    jobId: null,
  });
  batches = new Batches({
    submission: {
      submit: (accepted) => {
        submitted.push(accepted);
        return submit(accepted);
      },
    },
    answers: answers as unknown as BatchAnswers,
    sla,
    versionInfo: { taxonomy: '1', frameworks: '1', model: 'none' },
    log: { error: (fields) => void logged.push(fields) },
  });
});

const item = (content = 'a text', priority = 'normal') => {
  const request = requestOf({ content, priority });
  return {
    mode: request.processing_mode,
    policyBundle: request.policy_bundle,
    priority: request.priority,
    digest: fingerprintOf(request).toString('hex'),
    take: async () => {
      taken.push(content);
      return { request, routingTokens: ['inferred=text'], receivedAt: Date.now() };
    },
  };
};

const batchOf = (items: readonly BatchItem[], overrides: Partial<AcceptedBatch> = {}): AcceptedBatch => ({
  items,
  tenantId: 'acme',
  idempotencyKey: 'key',
  batchId: null,
  correlationId: 'corr',
  traceparent: 'trace',
  asked: { principal: 'ann', endpoint: 'POST /orchestrate' },
  receivedAt: Date.now(),
  ...overrides,
});

const read = (body: Buffer) => JSON.parse(body.toString()) as BatchOrchestrationResponse;

describe('A batch', () => {
  it('submits each item under a key of its own, in the company of the others', async () => {
    const { body, replayed } = await batches.submit(batchOf([item('a'), fault, item('b')]));
    expect(replayed).toBe(false);
    expect(submitted).toMatchObject([
      {
        idempotencyKey: 'key#0',
        correlationId: 'corr',
        traceparent: 'trace',
        asked: { principal: 'ann', endpoint: 'POST /orchestrate' },
        request: { content: 'a' },
      },
      { idempotencyKey: 'key#2', routingTokens: ['inferred=text'], request: { content: 'b' } },
    ]);
    expect(submitted[0]!.companions).toBe(submitted[1]!.companions);
    expect(read(body).results.map(({ index, http_status: status }) => [index, status])).toEqual([
      [0, 200],
      [1, 400],
      [2, 200],
    ]);
  });

  it('counts the time of each item from where it begins', async () => {
    const receivedAt = Date.now() + 7000;
    const late = item('a');
    const take = async () => ({ ...(await late.take()), receivedAt });
    await batches.submit(batchOf([{ ...late, take }, item('b')]));
    submitted.sort((a, b) => b.receivedAt - a.receivedAt);
    expect(submitted[0]).toMatchObject({ receivedAt });
    expect(submitted[1]!.receivedAt).toBeLessThan(receivedAt);
  });

  it('fails the item whose submission fails, and tells the operators what is our fault', async () => {
    submit = async ({ idempotencyKey }) => {
      if (idempotencyKey === 'key#0') throw new Error('a defect that may quote');
      throw new ConclaveError('POLICY_NOT_FOUND', 'no such bundle');
    };
    const { results } = read((await batches.submit(batchOf([item('a'), item('b')]))).body);
    expect(results).toMatchObject([
      {
        http_status: 500,
        error: { error_code: 'INTERNAL_ERROR', message: 'something went wrong on our side' },
      },
      { http_status: 400, error: { error_code: 'POLICY_NOT_FOUND', correlation_id: 'corr' } },
    ]);
    expect(logged).toHaveLength(1);
    expect(logged[0]).toMatchObject({ request_id: results[0]!.request_id });
  });

  it('submits what is ready without waiting for what must be read first', async () => {
    let finish = (): void => undefined;
    const slow = item('a document');
    const reading = new Promise<void>((resolve) => (finish = resolve));
    const answer = batches.submit(
      batchOf([{ ...slow, take: () => reading.then(() => slow.take()) }, item('a text')]),
    );
    await eventually(
      () => submitted.map(({ request }) => request.content),
      (contents) => contents.join() === 'a text',
    );
    finish();
    expect(read((await answer).body).completed_requests).toBe(2);
    expect(submitted).toHaveLength(2);
  });

  it('fails the item that cannot be read alone, with what it was sent with', async () => {
    const gone = new ConclaveError('INVALID_REQUEST', 'gone', { status: 404, detail: 'content_not_found' });
    const lost = { ...item('x'), mode: 'async' as const, take: () => Promise.reject(gone) };
    const { results } = read((await batches.submit(batchOf([lost, item('b')]))).body);
    expect(results).toMatchObject([
      { http_status: 404, processing_mode: 'async', error: { detail: 'content_not_found' } },
      { http_status: 200 },
    ]);
  });

  it('does not wait for an item that needs no run', async () => {
    let gathered = false;
    submit = async (accepted) => {
      if (accepted.idempotencyKey === 'key#0') {
        accepted.companions!.arrive(accepted.requestId);
        await new Promise<void>((resolve) => accepted.companions!.whenGathered(resolve));
        gathered = true;
      }
      return { ...answerWith(200, { detector_results: [] }), requestId: accepted.requestId, jobId: null };
    };
    await batches.submit(batchOf([item('a'), item('b'), fault]));
    expect(gathered).toBe(true);
  });

  it('of no tenant runs nothing and keeps nothing', async () => {
    const { body } = await batches.submit(batchOf([fault], { tenantId: null }));
    expect(read(body).failed_requests).toBe(1);
    expect(answers.rows.size).toBe(0);
  });
});

describe('The key of a batch', () => {
  it('gives the stored answer again, byte by byte', async () => {
    const first = await batches.submit(batchOf([item(), fault]));
    const second = await batches.submit(batchOf([item(), fault]));
    expect(second).toEqual({ body: first.body, replayed: true });
    expect([submitted.length, taken.length]).toEqual([1, 1]);
  });

  it.each([
    ['items', batchOf([item('other')])],
    ['order', batchOf([fault, item()])],
    ['batch_id', batchOf([item(), fault], { batchId: 'x' })],
    ['faulty items', batchOf([item(), { ...fault, digest: 'another' }])],
  ])('is refused with other %s', async (_what, other) => {
    await batches.submit(batchOf([item(), fault]));
    await expect(batches.submit(other)).rejects.toMatchObject({
      status: 409,
      detail: 'idempotency_conflict',
    });
  });

  it('stands for what was sent, whether it could be read or not', async () => {
    const { digest } = item();
    const first = await batches.submit(batchOf([{ ...fault, digest }]));
    const second = await batches.submit(batchOf([item()]));
    expect(second).toEqual({ body: first.body, replayed: true });
  });

  it('is kept hashed', async () => {
    await batches.submit(batchOf([item()]));
    const hash = createHash('sha256').update('key').digest('hex');
    expect([...answers.rows.keys()]).toEqual([`acme ${hash}`]);
  });

  it('runs a batch once for all who ask at a time', async () => {
    const all = await Promise.all([1, 2, 3].map(() => batches.submit(batchOf([item()]))));
    expect(submitted).toHaveLength(1);
    for (const answer of all) expect(answer).toEqual({ body: all[0]!.body, replayed: false });
  });

  it('is answered with what another facade stored first', async () => {
    const stored = Buffer.from(randomUUID());
    answers.keeps = () => Promise.resolve(stored);
    expect((await batches.submit(batchOf([item()]))).body).toBe(stored);
  });

  it('is free again when the answer could not be stored, for all who asked', async () => {
    answers.keeps = () => Promise.reject(new Error('the store is away'));
    const asked = await Promise.allSettled([1, 2].map(() => batches.submit(batchOf([item()]))));
    expect(asked.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    answers.keeps = (answer) => Promise.resolve(answer);
    expect((await batches.submit(batchOf([item('other')]))).replayed).toBe(false);
  });
});
