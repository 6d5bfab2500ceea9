import { randomUUID } from 'node:crypto';
import type { AllowList, AllowListEntry } from '../../../src/contract/allow-list';
import type { ErrorResponse, OrchestrationResponse } from '../../../src/contract/answer';
import type { DetectorResult } from '../../../src/contract/detector-result';
import type { Explanation } from '../../../src/contract/explanation';
import { conclave } from '../../support/conclave-command';
import { eventually } from '../../support/eventually';
import { findings, flags, held, status } from '../../support/fake-detectors';
import { type Part, System } from '../../support/system';
import { ended as bulkEnded, outcomesOf, submit as submitBulk } from '../bulk/support';

const within1s = { withinMs: 1000, everyMs: 20 };
const address = 'info@example.com';
const day = 86_400_000;

/** Finds the address wherever it stands. */
const finds = (label: string, score = 0.9) =>
  findings((content) => {
    const start = content.indexOf(address);
    return start < 0 ? [] : [{ start, end: start + address.length, detection: label, score }];
  });
const as = (principal: string, tenant = 'demo') => ({ 'x-tenant-id': tenant, 'x-principal': principal });
const mail = () => `${randomUUID()}: write to ${address} today`;
const resultOf = ({ detector_results: results }: OrchestrationResponse, detector = 'a'): DetectorResult =>
  results.find((result) => result.detector === detector)!;
const outputOf = (answer: OrchestrationResponse, detector?: string) => resultOf(answer, detector).output;

describe('allow-lists, with two facades and a worker', () => {
  let system: System;
  let facades: [Part, Part];
  beforeAll(async () => {
    system = await System.start({
      detectors: ['a', 'b'],
      policies: {
        'demo/default': {
          policy: { required_detectors: ['a', 'b'], conflict_resolution: 'most_restrictive' },
        },
        'demo/other': { policy: { required_detectors: ['a'] } },
        'acme/default': { policy: { required_detectors: ['a'] } },
      },
      env: {
        // On a loaded machine nothing becomes a job.
        ORCHESTRATION_ORCHESTRATION__SYNC_REQUEST_SLA_MS: '20000',
        ORCHESTRATION_ORCHESTRATION__SYNC_TO_ASYNC_THRESHOLD_MS: '19500',
      },
    });
    facades = [system.facade, await system.startPart('api')];
  });
  beforeEach(async () => {
    system.url = facades[0].url;
    system.detectors.reset();
    system.detectors.behave('a', finds('email'));
    for (const tenant of ['demo', 'acme']) {
      for (const { entry_id: id } of (await list('?limit=200', tenant)).entries)
        await system.request('DELETE', `/allow-list/${id}`, undefined, as('eve', tenant));
      await Promise.all(facades.map((facade) => untilOutput(facade, 'email', { tenant_id: tenant })));
    }
    system.url = facades[0].url;
  });
  afterAll(() => system?.stop());

  const at = <T>(facade: Part, send: () => Promise<T>): Promise<T> => {
    system.url = facade.url;
    return send();
  };
  const ask = async (overrides: Readonly<Record<string, unknown>> = {}) =>
    (await system.orchestrate({ content: mail(), ...overrides })).body;
  const untilOutput = (facade: Part, output: string, overrides: Readonly<Record<string, unknown>> = {}) =>
    eventually(
      () => at(facade, async () => outputOf(await ask(overrides))),
      (seen) => seen === output,
      within1s,
    );
  const list = async (query = '', tenant = 'demo') =>
    (await system.request<AllowList>('GET', `/allow-list${query}`, undefined, as('ann', tenant))).body;
  const fingerprint = async (tenant = 'demo') =>
    resultOf(await ask({ tenant_id: tenant })).findings[0]!.fingerprint;
  const inDays = (days: number) => new Date(Date.now() + days * day).toISOString();
  const propose = async <T = AllowListEntry>(fields: object = {}, headers = as('ann')) =>
    system.request<T>(
      'POST',
      '/allow-list',
      {
        fingerprint: await fingerprint(headers['x-tenant-id']),
        detector: 'a',
        label: 'email',
        reason: 'our own address',
        expires_at: inDays(30),
        ...fields,
      },
      headers,
    );
  const approve = <T = AllowListEntry>(id: string, headers = as('bob')) =>
    system.request<T>('POST', `/allow-list/${id}/approve`, undefined, headers);
  const revoke = (id: string, headers = as('carl')) =>
    system.request('DELETE', `/allow-list/${id}`, undefined, headers);
  const allowed = async (fields: object = {}) => {
    const { entry_id: id } = (await propose(fields)).body;
    expect((await approve(id)).status).toBe(200);
    return id;
  };

  it('a finding that was approved counts for nothing and stays visible, on both facades within a second, until it is revoked', async () => {
    const before = await ask();
    expect([outputOf(before), before.aggregated_payload?.output]).toEqual(['email', 'email|clean']);
    const id = await allowed();
    const after = await ask();
    expect(resultOf(after)).toMatchObject({
      status: 'success',
      output: 'clean',
      confidence: 0.6,
      findings: [
        { label: 'email', fingerprint: resultOf(before).findings[0]!.fingerprint, suppressed_by: id },
      ],
      unsuppressed: { output: 'email', confidence: 0.9 },
    });
    expect(after).toMatchObject({ coverage_achieved: 1, aggregated_payload: { output: 'clean' } });
    expect(after.aggregated_payload?.metadata.conflict_resolution).toBeUndefined();
    expect(after.aggregated_payload?.metadata.normalized_scores).toEqual({ clean: 0.6 });
    await untilOutput(facades[1], 'clean');
    expect((await revoke(id)).status).toBe(204);
    await Promise.all(facades.map((facade) => untilOutput(facade, 'email')));
    expect((await list()).entries.find(({ entry_id: one }) => one === id)).toMatchObject({
      status: 'revoked',
      created_by: 'ann',
      approved_by: 'bob',
      revoked_by: 'carl',
    });
    const { rows } = await system.db.query<{ record: object }>(
      `select record from audit where kind = 'allow_list_change' and record->>'entry_id' = $1 order by sequence`,
      [id],
    );
    expect(rows.map(({ record }) => record)).toMatchObject([
      { action: 'propose', by: 'ann' },
      { action: 'approve', by: 'bob' },
      { action: 'revoke', by: 'carl' },
    ]);
    expect(JSON.stringify(rows)).not.toContain('our own address');
  });

  it('what is not approved by somebody else counts', async () => {
    const { body: entry } = await propose();
    expect(entry.status).toBe('pending_approval');
    expect(outputOf(await ask())).toBe('email');
    const own = await approve<ErrorResponse>(entry.entry_id, as('ann'));
    expect([own.status, own.body.detail]).toEqual([403, 'approver_is_submitter']);
    expect(outputOf(await ask())).toBe('email');
    expect((await approve(entry.entry_id)).body.status).toBe('active');
    expect((await approve(entry.entry_id)).status).toBe(200);
    const again = await propose({ expires_at: entry.expires_at });
    expect([again.status, again.body.entry_id]).toEqual([200, entry.entry_id]);
    const otherwise = await propose<ErrorResponse>({ reason: 'because' });
    expect([otherwise.status, otherwise.body.detail]).toEqual([409, 'entry_exists']);
    await revoke(entry.entry_id);
    expect((await revoke(entry.entry_id)).status).toBe(204);
    const late = await approve<ErrorResponse>(entry.entry_id);
    expect([late.status, late.body.detail]).toEqual([409, 'entry_not_approvable']);
  });

  it('an entry is of its tenant, and of its bundle when it names one', async () => {
    const id = await allowed({ policy_bundle: 'other' });
    expect(outputOf(await ask())).toBe('email');
    expect(outputOf(await ask({ policy_bundle: 'other' }))).toBe('clean');
    expect(outputOf(await ask({ tenant_id: 'acme' }))).toBe('email');
    expect(await fingerprint('acme')).not.toBe(await fingerprint());
    for (const [method, route] of [
      ['GET', `/allow-list/${id}`],
      ['DELETE', `/allow-list/${id}`],
      ['POST', `/allow-list/${id}/approve`],
    ] as const) {
      const { status: code, body } = await system.request<ErrorResponse>(
        method,
        route,
        undefined,
        as('bob', 'acme'),
      );
      expect([code, body.detail]).toEqual([404, 'entry_not_found']);
    }
    expect((await list('', 'acme')).entries.map(({ tenant_id: tenant }) => tenant)).not.toContain('demo');
    // The other's fingerprint is of no use.
    await approve(
      (await propose({ fingerprint: await fingerprint() }, as('ann', 'acme'))).body.entry_id,
      as('bob', 'acme'),
    );
    expect(outputOf(await ask({ tenant_id: 'acme' }))).toBe('email');
  });

  it('an entry ends at its time, without anybody’s doing', async () => {
    const id = await allowed({ expires_at: new Date(Date.now() + 6000).toISOString() });
    expect(outputOf(await ask())).toBe('clean');
    const { body: entry } = await system.request<AllowListEntry>(
      'GET',
      `/allow-list/${id}`,
      undefined,
      as('ann'),
    );
    await eventually(
      () => Date.now(),
      (now) => now >= Date.parse(entry.expires_at),
    );
    expect(outputOf(await ask())).toBe('email');
    expect((await list('?status=expired')).entries.map(({ entry_id: one }) => one)).toContain(id);
  });

  it('no answer comes out of the cache that was made under another list, and replays stay as they were [8.1]', async () => {
    const content = mail();
    const key = { 'idempotency-key': randomUUID() };
    const first = await system.orchestrate({ content }, key);
    const cachedAs = async () => {
      const { headers, body } = await system.orchestrate({ content });
      return [headers.get('x-cache'), outputOf(body)];
    };
    expect(await cachedAs()).toEqual(['HIT', 'email']);
    const id = await allowed();
    expect(await cachedAs()).toEqual(['MISS', 'clean']);
    expect(await cachedAs()).toEqual(['HIT', 'clean']);
    await revoke(id);
    expect((await cachedAs())[1]).toBe('email');
    await allowed();
    const replay = await system.orchestrate({ content }, key);
    expect([replay.headers.get('idempotency-replayed'), replay.text]).toEqual(['true', first.text]);
  });

  it('a running orchestration keeps the list that it began with', async () => {
    const id = await allowed();
    const gate = held(finds('email'));
    system.detectors.behave('a', gate.behavior);
    const job = (await ask({ processing_mode: 'async' })).job_id!;
    await system.detectors.called('a');
    await revoke(id);
    const other = (await ask({ processing_mode: 'async' })).job_id!;
    gate.release();
    system.detectors.behave('a', finds('email'));
    const outputOfJob = async (jobId: string) => {
      const { result } = (await system.ended(jobId)) as unknown as { result: OrchestrationResponse };
      return outputOf(result);
    };
    expect([await outputOfJob(job), await outputOfJob(other)]).toEqual(['clean', 'email']);
  });

  it('holds for jobs, batches and bulk jobs alike, and over a restart', async () => {
    const id = await allowed();
    const job = await ask({ processing_mode: 'async' });
    const { result } = (await system.ended(job.job_id!)) as unknown as { result: OrchestrationResponse };
    expect(resultOf(result).findings[0]!.suppressed_by).toBe(id);
    const batch = await system.request<{ results: OrchestrationResponse[] }>(
      'POST',
      '/orchestrate/batch',
      { requests: [system.body({ content: mail() }), system.body({ content: mail() })] },
      { 'idempotency-key': randomUUID() },
    );
    expect(batch.body.results.map((one) => outputOf(one))).toEqual(['clean', 'clean']);
    const bulk = await submitBulk(system, [{ content: mail() }]);
    await bulkEnded(system, bulk);
    const [outcome] = await outcomesOf(system, bulk);
    expect(JSON.stringify(outcome)).toContain(`"suppressed_by":"${id}"`);
    const restarted = await system.startPart('api');
    expect(await at(restarted, async () => outputOf(await ask()))).toBe('clean');
    await restarted.end();
  });

  it('hides no failure of a detector, and no other finding', async () => {
    await allowed();
    system.detectors.behave('b', status(400));
    const failed = await system.orchestrate({ content: mail() });
    expect(failed.status).toBe(206);
    expect(failed.body).toMatchObject({ coverage_achieved: 0.5, error_code: 'PARTIAL_COVERAGE' });
    system.detectors.behave('b', flags('toxic', 0.8));
    const other = await ask();
    expect([outputOf(other), outputOf(other, 'b'), other.aggregated_payload?.output]).toEqual([
      'clean',
      'toxic',
      'clean|toxic',
    ]);
    expect(other.aggregated_payload?.metadata.conflict_resolution?.winning_output).toBe('toxic');
  });

  it('is counted by tenant and detector, and explained [10.1]', async () => {
    const id = await allowed();
    const { request_id: requestId } = await ask();
    const explained = await system.request<Explanation>(
      'GET',
      `/orchestrate/${requestId}/explain`,
      undefined,
      as('ann'),
    );
    expect(explained.body.detectors?.map(({ detector, suppressed }) => [detector, suppressed])).toEqual([
      ['a', { [id]: 1 }],
      ['b', {}],
    ]);
    const counted = async () => {
      const page = await (await fetch(`${system.url}/metrics`)).text();
      return page.split('\n').find((line) => line.startsWith('orchestrator_findings_suppressed_total{'));
    };
    await eventually(counted, (line) => line !== undefined);
    expect(await counted()).toMatch(/tenant="demo",detector="a"\} [1-9]/);
  });

  it.each<[string, object, string, string]>([
    ['no fingerprint', { fingerprint: 'ABC' }, 'fingerprint', 'must be a fingerprint as answers have them'],
    ['an end in the past', { expires_at: '2020-01-01T00:00:00Z' }, 'expires_at', 'must be in the future'],
    ['an end too far away', { expires_at: inDays(400) }, 'expires_at', 'must be within 366 days'],
    ['no reason', { reason: ' ' }, 'reason', 'must not be blank'],
    ['a reason that works a terminal', { reason: '\u001b[2J' }, 'reason', 'must not hold control characters'],
    ['no detector', { detector: undefined }, 'detector', ''],
    ['no label', { label: undefined }, 'label', ''],
    ['a bundle that decides nothing', { policy_bundle: 'gone' }, 'policy_bundle', 'names no active bundle'],
    ['an unknown field', { why: 'x' }, 'why', ''],
  ])('refuses %s, by field', async (_what, fields, path, message) => {
    const { status: code, body } = await propose<ErrorResponse>(fields);
    expect([code, body.error_code]).toEqual([400, 'INVALID_REQUEST']);
    expect(body.field_errors).toEqual([{ path, message: expect.stringContaining(message) as unknown }]);
  });

  it('asks for a tenant', async () => {
    const { status: code, body } = await system.request<ErrorResponse>('GET', '/allow-list');
    expect([code, body.detail]).toEqual([400, 'tenant_required']);
  });

  it('lists page by page, by what is asked for', async () => {
    const names = ['d1', 'd2', 'd3'];
    for (const detector of names) await propose({ detector, fingerprint: '0'.repeat(32) });
    const seen: (string | null)[] = [];
    const pending = `?status=pending_approval&fingerprint=${'0'.repeat(32)}`;
    for (let token: string | undefined = ''; token !== undefined;) {
      const page: AllowList = await list(`${pending}&limit=2${token && `&page_token=${token}`}`);
      expect(page.total_count).toBe(3);
      seen.push(...page.entries.map(({ detector }) => detector));
      token = page.next_page_token;
    }
    expect(seen).toEqual(names);
    expect((await list(`${pending}&detector=d2`)).entries).toHaveLength(1);
    expect((await list('?status=active')).entries).toEqual([]);
  });

  it('can be worked by the command line', async () => {
    const run = (...args: string[]) =>
      conclave(['allow-list', ...args, '--url', system.url, '--tenant', 'demo', '--json']);
    const added = await run(
      ...[
        'add',
        await fingerprint(),
        '--detector',
        'a',
        '--label',
        'email',
        '--reason',
        'ours',
        '--expires',
        '30d',
        '--bundle',
        'default',
        '--as',
        'ann',
      ],
    );
    const { entry_id: id, status: state } = JSON.parse(added.stdout) as AllowListEntry;
    expect([added.code, state]).toEqual([0, 'pending_approval']);
    expect(added.stderr).toContain(`conclave allow-list approve ${id}`);
    const own = await run('approve', id, '--as', 'ann');
    expect([own.code, own.stderr]).toEqual([1, expect.stringContaining('have somebody else do it')]);
    expect((await run('approve', id, '--as', 'bob')).code).toBe(0);
    expect(outputOf(await ask())).toBe('clean');
    const listed = await run('list', '--status', 'active');
    expect((JSON.parse(listed.stdout) as AllowListEntry[]).map(({ entry_id: one }) => one)).toEqual([id]);
    expect((await run('revoke', id, '--as', 'carl')).code).toBe(0);
    expect(outputOf(await ask())).toBe('email');
    expect((await run('add', 'x', '--reason', 'r', '--expires', 'soon')).code).toBe(2);
  });
});
