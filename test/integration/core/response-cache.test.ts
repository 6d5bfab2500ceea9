import { randomUUID } from 'node:crypto';
import type { ErrorResponse, OrchestrationResponse } from '../../../src/contract/answer';
import { expectContractError } from '../../support/contract-error';
import { eventually } from '../../support/eventually';
import { flags, held, status } from '../../support/fake-detectors';
import { patience } from '../../support/patience';
import { expectSound } from '../../support/sound-answer';
import { System } from '../../support/system';
import { auditOf, ownOf, send, useOf, usesOf } from './cache-support';
import { ended, rerun } from './job-support';

const quickProbes = {
  ORCHESTRATION_ORCHESTRATION__HEALTH_CHECK_INTERVAL_SECONDS: '0.2',
  ORCHESTRATION_ORCHESTRATION__SUSPECT_PROBE_INTERVAL_SECONDS: '0.1',
  ORCHESTRATION_ORCHESTRATION__RECOVERY_CHECK_INTERVAL_SECONDS: '0.2',
};

describe('The response cache', () => {
  let system: System;
  beforeAll(async () => {
    const primary = { required_detectors: ['a', 'b', 'c'] };
    system = await System.start({
      // One process judges and answers, as with npm start.
      parts: ['api'],
      detectors: ['a', 'b', 'c', 'spare', { name: 'frail', health_check_path: '/health/frail' }],
      policies: {
        'demo/default': { policy: primary },
        'demo/other': { policy: primary },
        'demo/spared': {
          policy: {
            required_detectors: ['a'],
            optional_detectors: ['spare'],
            coverage_calculation: { calculation_method: 'required_set' },
          },
        },
        'demo/frail': { policy: { required_detectors: ['a', 'frail'] } },
        'other/default': { policy: primary },
      },
      env: {
        ...patience,
        ...quickProbes,
        ORCHESTRATION_ORCHESTRATION__PRIORITY_SLA_OVERRIDES__CRITICAL: '20000',
      },
    });
  });
  beforeEach(() => system.detectors.reset());
  afterAll(() => system?.stop());

  const keyed = (key: string = randomUUID()) => ({ 'idempotency-key': key });
  const invalidate = (query: string, headers: Record<string, string> = {}) =>
    system.request<ErrorResponse>('DELETE', `/cache?${query}`, undefined, headers);

  describe('answers the same content, detectors and bundle', () => {
    it('without calling anybody, with the verdict as it was and an identity of its own [8.1] [C.5]', async () => {
      system.detectors.behave('a', flags('toxic', 0.9));
      const body = system.body();
      const first = await send(system, body, { 'x-correlation-id': 'first' });
      const second = await send(system, body, { 'x-correlation-id': 'second' });
      expect([first.status, useOf(first), second.status, useOf(second)]).toEqual([200, 'MISS', 200, 'HIT']);
      expect(system.detectors.calls).toHaveLength(3);
      expectSound(second.body);
      const [one, two] = [ownOf(first.body), ownOf(second.body)];
      expect(two.verdict).toEqual(one.verdict);
      expect(Object.keys(second.body)).toEqual(Object.keys(first.body));
      expect(two.own).toMatchObject({
        job_id: null,
        processing_mode: 'sync',
        correlation_id: 'second',
        idempotency_key: null,
        fallback_used: false,
        fallback_reasons: [],
      });
      expect(two.own.request_id).not.toBe(one.own.request_id);
      expect(second.headers.get('x-request-id')).toBe(two.own.request_id);
      expect(Date.parse(two.own.timestamp)).toBeGreaterThanOrEqual(Date.parse(one.own.timestamp));
    });

    it('and leaves an audit record each time, that says whose verdict it was', async () => {
      const body = system.body();
      const [first, second] = [await send(system, body), await send(system, body)];
      expect(await auditOf(system, second.body.request_id)).toEqual([
        expect.objectContaining({
          kind: 'orchestration',
          http_status: 200,
          planned: ['a@1.0', 'b@1.0', 'c@1.0'],
          answered_from: { source: 'cache', request_id: first.body.request_id },
        }),
      ]);
      const [ran] = await auditOf(system, first.body.request_id);
      expect(ran).toMatchObject({ http_status: 200 });
      expect(ran).not.toHaveProperty('answered_from');
    });

    it('whatever the priority is, but never what is critical, which is not kept either [8.1] [C.5]', async () => {
      const body = system.body();
      const critical = { ...body, priority: 'critical' };
      expect(await usesOf(system, critical, critical)).toEqual(['BYPASS', 'BYPASS']);
      expect(await usesOf(system, body)).toEqual(['MISS']);
      expect(await usesOf(system, critical)).toEqual(['BYPASS']);
      expect(await usesOf(system, { ...body, priority: 'low' }, { ...body, priority: 'high' })).toEqual([
        'HIT',
        'HIT',
      ]);
      expect(system.detectors.callsOf('a')).toHaveLength(4);
    });

    it('until its lifetime is over', async () => {
      const part = await system.startPart('api', {
        ORCHESTRATION_ORCHESTRATION__RESPONSE_CACHE_TTL_SECONDS: '1',
      });
      try {
        const body = system.body();
        expect(await usesOf(system, body)).toEqual(['MISS']);
        expect(await usesOf(system, body)).toEqual(['HIT']);
        await eventually(
          async () => (await usesOf(system, body))[0],
          (use) => use === 'MISS',
        );
      } finally {
        await part.end();
        system.url = system.facade.url;
      }
    });

    it.each([
      ['RESPONSE_CACHE_TTL_SECONDS', '0'],
      ['CACHE_ENABLED', 'false'],
    ])('never where it is turned off: %s=%s', async (setting, value) => {
      const part = await system.startPart('api', { [`ORCHESTRATION_ORCHESTRATION__${setting}`]: value });
      try {
        const body = system.body();
        expect(await usesOf(system, body, body)).toEqual(['BYPASS', 'BYPASS']);
        expect(system.detectors.callsOf('a')).toHaveLength(2);
      } finally {
        await part.end();
        system.url = system.facade.url;
      }
    });
  });

  it.each([
    ['content', { content: `another text ${randomUUID()}` }],
    ['content type', { content_type: 'code' }],
    ['metadata', { metadata: { source: 'another' } }],
    ['environment', { environment: 'prod' }],
    ['bundle', { policy_bundle: 'other' }],
    ['set of detectors', { excluded_detectors: ['c'], required_detectors: ['spare'] }],
  ])('does not answer for another %s [8.1]', async (_what, change) => {
    const body = system.body({ metadata: { source: 'one' } });
    await send(system, body);
    const other = await send(system, { ...body, ...change });
    expect(useOf(other)).toBe('MISS');
  });

  it('does not answer one tenant with what another asked [C.9]', async () => {
    const body = system.body();
    expect(await usesOf(system, body, { ...body, tenant_id: 'other' })).toEqual(['MISS', 'MISS']);
    expect(await usesOf(system, body, { ...body, tenant_id: 'other' })).toEqual(['HIT', 'HIT']);
  });

  describe('does not keep', () => {
    it('what covers too little', async () => {
      system.detectors.behave('a', status(400));
      const body = system.body();
      expect((await send(system, body)).status).toBe(206);
      system.detectors.reset();
      expect(await usesOf(system, body, body)).toEqual(['MISS', 'HIT']);
    });

    it('what a secondary stood in for', async () => {
      system.detectors.behave('a', status(400));
      const body = system.body({ policy_bundle: 'spared' });
      const first = await send(system, body);
      expect(first.body.fallback_used).toBe(true);
      const second = await send(system, body);
      expect([useOf(first), useOf(second)]).toEqual(['MISS', 'MISS']);
    });

    it('errors', async () => {
      for (const name of ['a', 'b', 'c']) system.detectors.behave(name, status(400));
      const body = system.body();
      expect((await send(system, body)).status).toBe(502);
      system.detectors.reset();
      expect(await usesOf(system, body)).toEqual(['MISS']);
    });
  });

  it('says so when a detector is down whose judgement it repeats', async () => {
    const body = system.body({ policy_bundle: 'frail' });
    const first = await send(system, body);
    expect([first.status, first.body.fallback_used]).toEqual([200, false]);
    system.detectors.setHealthy('frail', false);
    const second = await eventually(
      () => send(system, body),
      (answer) => answer.body.fallback_used,
    );
    expect(second.status).toBe(200);
    expect(useOf(second)).toBe('HIT');
    expect(second.body.fallback_reasons).toEqual(['cached_while_unavailable']);
    expect(ownOf(second.body).verdict).toEqual(ownOf(first.body).verdict);
    system.detectors.setHealthy('frail', true);
    const third = await eventually(
      () => send(system, body),
      (answer) => !answer.body.fallback_used,
    );
    expect([useOf(third), third.body.fallback_reasons]).toEqual(['HIT', []]);
  });

  describe('with an Idempotency-Key', () => {
    it('makes an answer that is replayed verbatim, and holds its key [C.5] [8.2]', async () => {
      const body = system.body();
      const headers = keyed();
      const first = await send(system, body);
      const hit = await send(system, body, headers);
      expect([useOf(hit), hit.body.idempotency_key]).toEqual(['HIT', headers['idempotency-key']]);
      expect(hit.headers.get('idempotency-replayed')).toBeNull();
      expect(hit.body.request_id).not.toBe(first.body.request_id);
      await invalidate('tenant_id=demo&policy_bundle=default');
      const replay = await send(system, body, headers);
      expect([replay.status, replay.text, replay.headers.get('idempotency-replayed'), useOf(replay)]).toEqual(
        [200, hit.text, 'true', 'BYPASS'],
      );
      const conflict = await send(system, { ...body, content: 'another' }, headers);
      expect([conflict.status, conflict.body]).toMatchObject([409, { detail: 'idempotency_conflict' }]);
      expect(system.detectors.callsOf('a')).toHaveLength(1);
      expect(await auditOf(system, hit.body.request_id)).toHaveLength(1);
    });

    it('gives simultaneous calls of one key one answer', async () => {
      const body = system.body();
      await send(system, body);
      const headers = keyed();
      const answers = await Promise.all([1, 2, 3, 4].map(() => send(system, body, headers)));
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
      expect(system.detectors.callsOf('a')).toHaveLength(1);
    });
  });

  describe('and jobs', () => {
    it('a job that completes is kept for those who come [8.1]', async () => {
      const body = system.body();
      const job = await send(system, { ...body, processing_mode: 'async' });
      expect([job.status, useOf(job)]).toEqual([202, 'MISS']);
      const { result } = await ended(system, job.body.job_id!);
      const answer = await send(system, body);
      expect([answer.status, useOf(answer)]).toEqual([200, 'HIT']);
      expect(answer.body).toMatchObject({ job_id: null, processing_mode: 'sync', idempotency_key: null });
      expect(ownOf(answer.body).verdict).toEqual(ownOf(result!).verdict);
      expect(system.detectors.callsOf('a')).toHaveLength(1);
    });

    it('who asks for one gets one, which has ended already', async () => {
      const body = system.body();
      const headers = keyed();
      const first = await send(system, body);
      const async = { ...body, processing_mode: 'async' };
      const announced = await send(system, async, headers);
      expect([announced.status, useOf(announced)]).toEqual([202, 'HIT']);
      expectSound(announced.body);
      const jobId = announced.body.job_id!;
      expect(announced.headers.get('location')).toBe(`/api/v1/orchestrate/status/${jobId}`);
      const { body: job } = await system.request<{ status: string; result: OrchestrationResponse }>(
        'GET',
        `/orchestrate/status/${jobId}`,
      );
      expect(job).toMatchObject({ status: 'completed', progress: 1, error_code: null });
      expect(job.result).toMatchObject({ job_id: jobId, processing_mode: 'async' });
      expect(ownOf(job.result).verdict).toEqual(ownOf(first.body).verdict);
      const replay = await send(system, async, headers);
      expect([replay.status, replay.body, replay.headers.get('idempotency-replayed')]).toEqual([
        200,
        job.result,
        'true',
      ]);
      expect(system.detectors.callsOf('a')).toHaveLength(1);
    });

    it('a re-run judges anew, for a job of the cache once its content is sent again', async () => {
      const body = system.body();
      await send(system, body);
      const { body: hit } = await send(system, { ...body, processing_mode: 'async' });
      const refused = await rerun(system, hit.job_id!, {});
      expect([refused.status, refused.body]).toMatchObject([409, { detail: 'content_expired' }]);
      const again = await rerun(system, hit.job_id!, { content: body['content'] });
      expect(again.status).toBe(202);
      expect((await ended(system, again.body.job_id!)).status).toBe('completed');
      expect(system.detectors.callsOf('a')).toHaveLength(2);
    });
  });

  describe('is told by an operator to give no more', () => {
    const bodies = () => [
      system.body(),
      system.body({ policy_bundle: 'other' }),
      system.body({ policy_bundle: 'spared' }),
      system.body({ tenant_id: 'other' }),
    ];

    it('of a bundle, and gives on what others have [8.1] [C.5]', async () => {
      const kept = bodies();
      await usesOf(system, ...kept);
      expect((await invalidate('tenant_id=demo&policy_bundle=default')).status).toBe(204);
      expect(await usesOf(system, ...kept)).toEqual(['MISS', 'HIT', 'HIT', 'HIT']);
      expect(await usesOf(system, ...kept)).toEqual(['HIT', 'HIT', 'HIT', 'HIT']);
    });

    it('that a detector had a part in, be it only as a spare [8.1] [C.5]', async () => {
      const kept = bodies();
      await usesOf(system, ...kept);
      expect((await invalidate('detector=spare')).status).toBe(204);
      expect(await usesOf(system, ...kept)).toEqual(['HIT', 'HIT', 'MISS', 'HIT']);
      expect((await invalidate('detector=a')).status).toBe(204);
      expect(await usesOf(system, ...kept)).toEqual(['MISS', 'MISS', 'MISS', 'MISS']);
    });

    it('also of what was under way when it was told [C.5]', async () => {
      const gate = held(flags('toxic', 0.9));
      system.detectors.behave('a', gate.behavior);
      const body = system.body();
      const before = send(system, body);
      await system.detectors.called('a');
      await invalidate('detector=a');
      gate.release();
      expect((await before).status).toBe(200);
      expect(await usesOf(system, body, body)).toEqual(['MISS', 'HIT']);
    });

    it('and this is on record', async () => {
      const requests = [
        await invalidate('detector=a'),
        await invalidate('tenant_id=demo&policy_bundle=gone'),
      ];
      expect(requests.map(({ status: code }) => code)).toEqual([204, 204]);
      const [detector, bundle] = await Promise.all(
        requests.map(({ headers }) => auditOf(system, headers.get('x-request-id')!)),
      );
      const done = expect.objectContaining({
        kind: 'operation',
        action: 'DELETE /cache',
        outcome: 'done',
      }) as object;
      expect(detector).toEqual([
        expect.objectContaining({ kind: 'cache_invalidation', detector: 'a' }),
        done,
      ]);
      expect(bundle).toEqual([
        expect.objectContaining({
          kind: 'cache_invalidation',
          tenant_id: 'demo',
          policy_bundle: 'gone',
          correlation_id: requests[1]!.headers.get('x-correlation-id'),
        }),
        done,
      ]);
    });

    it.each([
      '',
      'tenant_id=demo',
      'policy_bundle=default',
      'detector=a&tenant_id=demo',
      'all=true',
      'detector=%20',
    ])('but not by an order that is unclear: ?%s', async (query) => {
      expectContractError(await invalidate(query), { detail: 'validation_failed' });
    });

    it('nor by one tenant for another', async () => {
      const refused = await invalidate('tenant_id=demo&policy_bundle=default', { 'x-tenant-id': 'other' });
      expectContractError(refused, { code: 'INSUFFICIENT_RBAC', detail: 'tenant_mismatch' });
    });
  });
});
