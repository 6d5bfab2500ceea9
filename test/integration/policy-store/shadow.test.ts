import type { ErrorResponse } from '../../../src/contract/answer';
import type { ShadowView } from '../../../src/contract/shadow';
import { conclave } from '../../support/conclave-command';
import { eventually } from '../../support/eventually';
import { flags } from '../../support/fake-detectors';
import { type Part, System } from '../../support/system';

const asAnn = { 'x-tenant-id': 'acme', 'x-principal': 'ann' };
const asBob = { 'x-tenant-id': 'acme', 'x-principal': 'bob' };
const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();

describe('a shadow of a policy, with two facades and a worker', () => {
  let system: System;
  let facades: [Part, Part];
  beforeAll(async () => {
    system = await System.start({
      detectors: ['a', 'b', 'c'],
      env: {
        // On a loaded machine nothing becomes a job.
        ORCHESTRATION_ORCHESTRATION__SYNC_REQUEST_SLA_MS: '20000',
        ORCHESTRATION_ORCHESTRATION__SYNC_TO_ASYNC_THRESHOLD_MS: '19500',
      },
    });
    facades = [system.facade, await system.startPart('api')];
    for (const bundle of ['chat', 'mail', 'short']) {
      await put(bundle, {
        version: '1.0',
        required_detectors: ['a', 'b'],
        conflict_resolution: 'most_restrictive',
      });
      await put(
        bundle,
        { version: '1.1', required_detectors: ['a', 'b'], conflict_resolution: 'majority_vote' },
        true,
      );
    }
  });
  beforeEach(() => {
    system.url = facades[0].url;
    system.detectors.reset();
    system.detectors.behave('a', flags('toxic', 0.5));
  });
  afterAll(() => system?.stop());

  const put = (bundle: string, policy: object, requires_approval = false) =>
    system.request(
      'PUT',
      `/policies/${bundle}`,
      {
        policy: {
          coverage_calculation: { calculation_method: 'required_set' },
          rate_limit_per_minute: 100_000,
          ...policy,
        },
        requires_approval,
      },
      asAnn,
    );
  const shadow = <T = ShadowView>(method: string, bundle: string, body?: object, headers = asAnn) =>
    system.request<T>(method, `/policies/${bundle}/shadow`, body, headers);
  const start = (bundle: string, fields: object = {}) =>
    shadow('PUT', bundle, { version: '1.1', percent: 100, expires_at: inDays(7), ...fields });
  const ask = async (bundle: string, facade = facades[0], overrides: object = {}) => {
    system.url = facade.url;
    const { status, body } = await system.orchestrate({
      tenant_id: 'acme',
      policy_bundle: bundle,
      ...overrides,
    });
    expect(status).toBeLessThan(300);
    return body;
  };
  const until = (bundle: string, satisfies: (view: ShadowView) => boolean) =>
    eventually(async () => (await shadow('GET', bundle)).body, satisfies);

  it('judges what was judged on every replica, changes no answer, and says where it came out differently', async () => {
    const begun = await start('chat');
    expect([begun.status, begun.body]).toMatchObject([
      200,
      { status: 'running', version: '1.1', started_by: 'ann' },
    ]);
    // Within a second the other facade has it, too.
    await eventually(
      async () => {
        const { request_id: id } = await ask('chat', facades[1]);
        return (await until('chat', ({ report }) => report.replayed >= 0)).report.replayed > 0 ? id : null;
      },
      (id) => id !== null,
    );
    const answer = await ask('chat');
    expect(answer.routing_decision.policy_version).toBe('1.0');
    expect(answer.aggregated_payload?.metadata.conflict_resolution?.winning_output).toBe('toxic');
    const counted = await until(
      'chat',
      ({ report }) => report.examples.flipped?.includes(answer.request_id) ?? false,
    );
    expect(counted.missed).toEqual({ dropped: 0, failed: 0 });
    expect(counted.report.flipped).toBe(counted.report.replayed);
    expect(counted.report.verdicts).toMatchObject([
      { from: { kind: 'adverse', label: 'toxic' }, to: { kind: 'benign', label: 'clean' } },
    ]);
    const job = await ask('chat', facades[0], { processing_mode: 'async' });
    await system.ended(job.job_id!);
    await until('chat', ({ report }) => report.replayed > counted.report.replayed);
    const page = await (await fetch(`${system.url}/metrics`)).text();
    expect(page).toContain('orchestrator_policy_shadow_total{tenant="acme",policy="chat",result="flipped"}');
  });

  it('counts what a detector that it adds would have found as unknown', async () => {
    await put('mail', { version: '1.2', required_detectors: ['a', 'c'] }, true);
    await start('mail', { version: '1.2' });
    const { request_id: id } = await ask('mail');
    const { report } = await until('mail', ({ report: one }) => one.examples.unknown?.includes(id) ?? false);
    expect(report.unknowns.by_detector).toEqual({ c: report.unknown });
  });

  it('begins anew when it is put otherwise, and not when it is said again', async () => {
    const fields = { expires_at: inDays(7) };
    const first = (await start('mail', fields)).body;
    expect((await start('mail', fields)).body.shadow_id).toBe(first.shadow_id);
    const other = (await start('mail', { ...fields, percent: 50 })).body;
    expect(other.shadow_id).not.toBe(first.shadow_id);
    expect([other.percent, other.report.replayed]).toEqual([50, 0]);
  });

  it('ends at its time, when it is ended, and when its version decides', async () => {
    const statusOf = async () => (await shadow('GET', 'short')).body.status;
    await start('short', { expires_at: new Date(Date.now() + 1500).toISOString() });
    await eventually(statusOf, (status) => status === 'expired');
    const before = (await shadow('GET', 'short')).body.report.replayed;
    await ask('short');
    await start('short');
    expect((await shadow('DELETE', 'short')).status).toBe(204);
    expect((await shadow('DELETE', 'short')).status).toBe(204);
    expect([await statusOf(), before]).toEqual(['ended', 0]);
    await start('short');
    await system.request('POST', '/policies/short/versions/1.1/review', { decision: 'approve' }, asBob);
    await eventually(statusOf, (status) => status === 'activated');
    await ask('short');
    expect((await shadow('GET', 'short')).body.report.replayed).toBe(0);
  });

  it('is of its tenant, and no version that decides or does not exist', async () => {
    const foreign = { 'x-tenant-id': 'globex', 'x-principal': 'ann' };
    expect((await shadow('GET', 'chat', undefined, foreign)).status).toBe(404);
    const refusals = await Promise.all(
      ['1.0', '9.9'].map((version) =>
        shadow<ErrorResponse>('PUT', 'chat', { version, expires_at: inDays(1) }),
      ),
    );
    expect(refusals.map(({ status, body }) => [status, body.detail])).toEqual([
      [409, 'version_not_shadowable'],
      [404, 'version_not_found'],
    ]);
  });

  it('can be worked by the command line, and outlives a restart', async () => {
    const run = (...args: string[]) =>
      conclave(['policy', 'shadow', ...args, '--url', system.url, '--tenant', 'acme', '--json']);
    const begun = await run('start', 'chat', '1.1', '--percent', '100', '--expires', '7d', '--as', 'ann');
    expect([begun.code, (JSON.parse(begun.stdout) as ShadowView).percent]).toEqual([0, 100]);
    const restarted = await system.startPart('api');
    const { request_id: id } = await ask('chat', restarted);
    await until('chat', ({ report }) => report.examples.flipped?.includes(id) ?? false);
    expect((JSON.parse((await run('show', 'chat')).stdout) as ShadowView).report.replayed).toBeGreaterThan(0);
    expect((await run('stop', 'chat')).code).toBe(0);
    expect((JSON.parse((await run('show', 'chat')).stdout) as ShadowView).status).toBe('ended');
    await restarted.end();
  });
});
