import type { OrchestrationEnd } from '../../../src/contract/orchestration-end';
import { finalAnswer } from '../../../src/activities/answer';
import type { AuditRow } from '../../../src/store/audit-log';
import { KeptAnswer } from '../../../src/store/cached-answer';
import type { Hit } from '../../../src/store/hit-records';
import type { Published } from '../../../src/store/outcomes';
import { Hits } from '../../../src/submission/hits';
import { readRecipe } from '../../../src/submission/recipe';
import { ending, plan } from '../activities/samples';
import { requestId as source } from '../domain/support';
import { acceptedOf, bodyOf, otherId as requestId, plannedWith, World } from './support';

const verdict = { status: 200, error_code: null, fallback_used: false, fallback_reasons: [] };
const cached = KeptAnswer.of(finalAnswer(plan, ending(), verdict, 'job-x', 2000))!.answer;
const sla = {
  sync_request_sla_ms: 2000,
  async_request_sla_ms: 30_000,
  sync_to_async_threshold_ms: 1500,
  priority_sla_overrides: {},
  mapper_timeout_budget_ms: 500,
};

describe('A hit', () => {
  let audit: AuditRow[];
  let records: Hit[];
  let delivered: Published[];
  let free: boolean;
  let ended: OrchestrationEnd[];
  let store: () => Promise<void>;
  let hits: Hits;
  beforeEach(() => {
    audit = [];
    records = [];
    delivered = [];
    [free, ended] = [true, []];
    store = () => Promise.resolve();
    hits = new Hits({
      audit: {
        append: async (row) => {
          await store();
          audit.push(row);
        },
      },
      records: {
        record: async (hit: Hit) => {
          await store();
          if (free) records.push(hit);
          return free;
        },
      } as never,
      hub: { deliver: (published) => void delivered.push(...published) },
      execution: new World().execution,
      sla,
      ended: (end) => void ended.push(end),
    });
  });
  const accepted = (overrides: object = {}, request: object = {}) =>
    acceptedOf({ requestId, correlationId: 'own', receivedAt: Date.now() - 5, ...overrides }, request);
  const claim = { keyHash: Buffer.from('k') } as never;

  it('without a key leaves an audit record, and nothing else', async () => {
    const answer = await hits.answer(cached, accepted(), plannedWith(), null, 'cache');
    expect(answer).toMatchObject({ status: 200, requestId, jobId: null });
    expect(bodyOf(answer)).toMatchObject({
      request_id: requestId,
      correlation_id: 'own',
      job_id: null,
      processing_mode: 'sync',
      idempotency_key: null,
      fallback_used: false,
      fallback_reasons: [],
    });
    expect(bodyOf(answer)['total_processing_time_ms']).toBeGreaterThanOrEqual(5);
    expect(ended).toMatchObject([{ tenantId: 'acme', status: 'success', isJob: false }]);
    expect(audit).toEqual([
      {
        tenant_id: 'acme',
        request_id: requestId,
        kind: 'orchestration',
        record: expect.objectContaining({
          principal: 'ann',
          endpoint: 'POST /orchestrate',
          correlation_id: 'own',
          content_length: 8,
          planned: ['a@1.0', 'b@1.0'],
          plan_digest: 'digest',
          answered_from: { source: 'cache', request_id: source },
          http_status: 200,
        }) as object,
      },
    ]);
    expect(JSON.stringify(audit)).not.toContain('a text');
    expect([records, delivered]).toEqual([[], []]);
  });

  it('with a key is recorded whole, as it is sent, and given to who waits for the key', async () => {
    const answer = await hits.answer(
      cached,
      accepted({ idempotencyKey: 'key' }),
      plannedWith(),
      claim,
      'cache',
    );
    expect(bodyOf(answer)['idempotency_key']).toBe('key');
    expect(records).toMatchObject([{ requestId, tenantId: 'acme', claim, job: null }]);
    expect(records[0]!.answer.body.equals(answer!.body)).toBe(true);
    expect(delivered).toMatchObject([{ requestId, status: 'completed', answer: records[0]!.answer }]);
    expect(audit).toEqual([]);
  });

  it('whose key is held by another is none', async () => {
    free = false;
    expect(await hits.answer(cached, accepted(), plannedWith(), claim, 'cache')).toBeNull();
    expect(delivered).toEqual([]);
  });

  it('does not claim again what a follower holds', async () => {
    await hits.answer(cached, accepted(), plannedWith(), 'held', 'flight');
    expect(records).toMatchObject([{ claim: null }]);
  });

  it('for an asynchronous call is a job that has ended, announced as any other', async () => {
    const jobId = `job-${requestId}`;
    const asked = accepted({}, { processing_mode: 'async' });
    const answer = await hits.answer(cached, asked, plannedWith(), null, 'cache');
    expect([answer!.status, answer!.jobId]).toEqual([202, jobId]);
    const announced = bodyOf(answer);
    expect(announced).toMatchObject({ job_id: jobId, processing_mode: 'async', aggregated_payload: null });
    const [{ answer: final, job }] = records as [Hit];
    expect(bodyOf(final)).toMatchObject({ job_id: jobId, processing_mode: 'async', idempotency_key: jobId });
    expect(job).toMatchObject({ id: jobId, planned: 2 });
    expect(readRecipe(job!.recipe).request).not.toHaveProperty('content');
  });

  it.each([
    ['of the cache', 'cache', true],
    ['in flight, which was judged with it', 'flight', false],
  ] as const)('while a primary detector is down says so: one %s', async (_which, from, used) => {
    const planned = plannedWith({ healthStatus: { a: true, b: false } });
    const answer = await hits.answer(cached, accepted(), planned, null, from);
    expect(bodyOf(answer)).toMatchObject({
      fallback_used: used,
      fallback_reasons: used ? ['cached_while_unavailable'] : [],
    });
    expect(audit[0]!.record).toMatchObject({ fallback_used: used });
  });

  it('does not leave without its record: by its SLA it is an error', async () => {
    store = () => new Promise(() => undefined);
    const late = accepted({ receivedAt: Date.now() - 1990 });
    await expect(hits.answer(cached, late, plannedWith(), null, 'cache')).rejects.toMatchObject({
      code: 'INTERNAL_ERROR',
    });
    store = () => Promise.reject(new Error('no store'));
    await expect(hits.answer(cached, accepted(), plannedWith(), claim, 'cache')).rejects.toThrow('no store');
  });
});
