import { randomUUID } from 'node:crypto';
import { expectContractError } from '../../support/contract-error';
import { eventually } from '../../support/eventually';
import { findings, status } from '../../support/fake-detectors';
import { System } from '../../support/system';
import { audited, ended, jobOf, outcomesOf, route, send, submit, textOf, upload } from './support';

let system: System;
beforeAll(async () => {
  system = await System.start({
    detectors: ['a', { name: 'lone', max_retries: 0 }, 'slow'],
    policies: {
      'demo/default': { policy: { required_detectors: ['a'] } },
      'demo/partial': { policy: { required_detectors: ['a', 'lone'] } },
      'demo/lone': { policy: { required_detectors: ['lone'] } },
      'other/default': { policy: { required_detectors: ['a'] } },
    },
    env: {
      ORCHESTRATION_ORCHESTRATION__BULK_MAX_ITEMS: '2000',
      ORCHESTRATION_ORCHESTRATION__CIRCUIT_BREAKER_FAILURE_THRESHOLD: '1000',
    },
  });
});
afterAll(() => system?.stop());
beforeEach(() => system.detectors.reset());

const rude = findings((content) =>
  content.includes('rude') ? [{ start: 0, end: 4, detection: 'toxic', score: 0.9 }] : [],
);

describe('A bulk job', () => {
  it('judges a thousand items, some of them bad, and hands out their outcomes in order', async () => {
    system.detectors.behave('a', rude).behave('lone', status(500));
    const lines = Array.from({ length: 1000 }, (_, n): string | Record<string, unknown> => {
      if (n === 3) return 'no json';
      if (n === 500) return { content: ' ' };
      if (n === 501) return { policy_bundle: 'absent' };
      if (n === 502) return { policy_bundle: 'partial' };
      if (n === 503) return { policy_bundle: 'lone' };
      return { content: n % 2 === 0 ? `rude ${n}` : `fine ${n}` };
    });
    const bulkId = await submit(system, [...lines.slice(0, 10), '', ...lines.slice(10), '']);
    const job = await ended(system, bulkId);
    expect(job).toMatchObject({
      status: 'completed',
      total_items: 1000,
      processed_items: 1000,
      outcomes: { completed: 995, partial: 1, failed: 4, cancelled: 0 },
      refused_lines: 2,
      progress: 1,
      parent_bulk_id: null,
    });
    expect(job.items_per_second).toBeGreaterThan(0);

    const outcomes = await outcomesOf(system, bulkId);
    expect(outcomes.map(({ index }) => index)).toEqual(lines.map((_, n) => n));
    expect(outcomes.map(({ line }) => line)).toEqual(lines.map((_, n) => (n < 10 ? n + 1 : n + 2)));
    const special = new Set([3, 500, 501, 502, 503]);
    const plain = outcomes.filter(({ index }) => !special.has(index));
    expect(
      plain.every(
        ({ index, status: outcome, http_status, response, request_id }) =>
          outcome === 'completed' &&
          http_status === 200 &&
          response?.request_id === request_id &&
          response.processing_mode === 'async' &&
          response.detector_results[0]?.output === (index % 2 === 0 ? 'toxic' : 'clean'),
      ),
    ).toBe(true);
    expect(outcomes[3]).toMatchObject({
      status: 'failed',
      http_status: 400,
      response: null,
      error: { error_code: 'INVALID_REQUEST', detail: 'invalid_json' },
    });
    expect(outcomes[500]!.error).toMatchObject({ field_errors: [{ path: 'content' }] });
    expect(outcomes[501]).toMatchObject({
      status: 'failed',
      http_status: 400,
      error: { error_code: 'POLICY_NOT_FOUND' },
    });
    expect(outcomes[502]).toMatchObject({
      status: 'partial',
      http_status: 206,
      response: { coverage_achieved: 0.5 },
    });
    expect(outcomes[503]).toMatchObject({
      status: 'failed',
      http_status: 502,
      error: { error_code: 'DETECTOR_COMMUNICATION_FAILED', response: { detectors_failed: 1 } },
    });
    expect(await audited(system, outcomes)).toEqual(
      outcomes.map(({ index }) => (index === 3 || index === 500 ? 0 : 1)),
    );

    const failed = await outcomesOf(system, bulkId, '?status=failed');
    expect(failed).toEqual([3, 500, 501, 503].map((index) => outcomes[index]));
    expect(await outcomesOf(system, bulkId, '?status=pending')).toEqual([]);
  });

  it('asks a detector for as many items at once as it takes', async () => {
    await ended(
      system,
      await submit(
        system,
        Array.from({ length: 70 }, () => ({})),
      ),
    );
    const sizes = system.detectors.callsOf('a').map(({ contents }) => contents.length);
    expect(sizes.toSorted((a, b) => b - a)).toEqual([32, 32, 6]);
  });

  it('runs what failed again, in a job that names its parent', async () => {
    system.detectors.behave('lone', status(500));
    const lines = [
      'no json',
      {},
      { policy_bundle: 'lone', content: 'one' },
      { policy_bundle: 'lone', content: 'two' },
    ];
    const bulkId = await submit(system, lines);
    await ended(system, bulkId);
    system.detectors.behave('lone', rude);
    const again = await system.request<{ bulk_id: string }>('POST', `${route}/${bulkId}/rerun`);
    expect(again.status).toBe(202);
    const rerun = await ended(system, again.body.bulk_id);
    expect(rerun).toMatchObject({
      status: 'completed',
      parent_bulk_id: bulkId,
      total_items: 2,
      outcomes: { completed: 2, partial: 0, failed: 0, cancelled: 0 },
    });
    const outcomes = await outcomesOf(system, rerun.bulk_id);
    expect(outcomes.map(({ index, line }) => [index, line])).toEqual([
      [0, 3],
      [1, 4],
    ]);
    expect(system.detectors.callsOf('lone').at(-1)!.contents).toEqual(['one', 'two']);
    expectContractError(await system.request('POST', `${route}/${rerun.bulk_id}/rerun`), {
      status: 409,
      detail: 'nothing_to_rerun',
    });
  });

  it('cannot be run again once its content is destroyed', async () => {
    system.detectors.behave('lone', status(500));
    const bulkId = await submit(system, [{ policy_bundle: 'lone' }]);
    await ended(system, bulkId);
    await system.db.query(
      `update run_key set destroy_at = now() - interval '1 minute', closed_at = now() - interval '1 minute'
       where bulk_id = $1`,
      [bulkId],
    );
    await requestsGone(bulkId);
    expectContractError(await system.request('POST', `${route}/${bulkId}/rerun`), {
      status: 409,
      detail: 'content_expired',
    });
    expect(await outcomesOf(system, bulkId)).toMatchObject([{ status: 'failed' }]);
  });

  it('does not exist for another tenant', async () => {
    const bulkId = await submit(system, [{}]);
    const foreign = { 'x-tenant-id': 'other' };
    const calls: [string, string][] = [
      ['GET', ''],
      ['GET', '/events'],
      ['GET', '/outcomes'],
      ['POST', '/pause'],
      ['POST', '/resume'],
      ['POST', '/rerun'],
      ['DELETE', ''],
    ];
    for (const [method, path] of calls) {
      const answer = await system.request(method, `${route}/${bulkId}${path}`, undefined, foreign);
      expectContractError(answer, { status: 404, detail: 'bulk_not_found' });
    }
    expect((await ended(system, bulkId)).status).toBe('completed');
  });
});

describe('An upload', () => {
  it('is taken once under one key, and its answer is replayed', async () => {
    const key = { 'idempotency-key': randomUUID() };
    const text = textOf(system, [{}, {}]);
    const first = await send(system, text, key);
    const second = await send(system, text, key);
    expect([first.status, second.status]).toEqual([202, 202]);
    expect(second.body.bulk_id).toBe(first.body.bulk_id);
    expect([first.headers.get('idempotency-replayed'), second.headers.get('idempotency-replayed')]).toEqual([
      null,
      'true',
    ]);
    const other = await send(system, textOf(system, [{}, {}]), key);
    expectContractError(other, { status: 409, detail: 'idempotency_conflict' });
    await ended(system, first.body.bulk_id);
    const { rows } = await system.db.query('select 1 from bulk_job where bulk_id = $1', [first.body.bulk_id]);
    expect(rows).toHaveLength(1);
  });

  const refused: [what: string, text: () => string, code: 400 | 403, detail: string][] = [
    ['nothing', () => '\n \r\n', 400, 'no_items'],
    ['only bad lines, and no tenant', () => 'x\ny', 400, 'tenant_unknown'],
    [
      'a line of more than 256 KiB',
      () => `${textOf(system, [{}])}\n${'x'.repeat(262_145)}`,
      400,
      'line_too_long',
    ],
    ['two tenants', () => textOf(system, [{}, { tenant_id: 'other' }]), 403, 'tenant_mismatch'],
    [
      'more items than it may have',
      () => `${textOf(system, [{}])}\n${'x\n'.repeat(2000)}`,
      400,
      'too_many_items',
    ],
  ];
  it.each(refused)('with %s is refused, and nothing of it stays', async (_what, text, code, detail) => {
    const answer = await send(system, text());
    const kind = code === 403 ? ({ code: 'INSUFFICIENT_RBAC' } as const) : {};
    expectContractError(answer, { ...kind, status: code, detail });
    const id = `bulk-${answer.headers.get('x-request-id')}`;
    for (const table of ['bulk_job', 'bulk_chunk', 'run_key']) {
      const { rows } = await system.db.query(`select 1 from ${table} where bulk_id = $1`, [id]);
      expect(rows).toEqual([]);
    }
  });

  it('of another type is refused', async () => {
    const answer = await upload(system, [{}], { 'content-type': 'application/json' });
    expectContractError(answer, { status: 400, detail: 'content_type_not_ndjson' });
  });

  it('may be all bad when its tenant is known: the job ends at once', async () => {
    const { body } = await upload(system, ['x', 'y'], { 'x-tenant-id': 'demo' });
    const job = await ended(system, body.bulk_id);
    expect(job).toMatchObject({ status: 'completed', outcomes: { failed: 2 }, refused_lines: 2 });
    expect((await jobOf(system, body.bulk_id)).progress).toBe(1);
  });
});

async function requestsGone(bulkId: string): Promise<void> {
  await eventually(
    () =>
      system.db.query<object>('select 1 from bulk_chunk where bulk_id = $1 and requests is not null', [
        bulkId,
      ]),
    ({ rows }) => rows.length === 0,
  );
}
