import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import type { ErrorResponse } from '../../../src/contract/answer';
import type { PolicyDocument, PolicyList, PolicyVersion } from '../../../src/contract/policy-store';
import { eventually } from '../../support/eventually';
import { flags, held } from '../../support/fake-detectors';
import { type Part, System } from '../../support/system';

const env = {
  ORCHESTRATION_ORCHESTRATION__SYNC_REQUEST_SLA_MS: '20000',
  ORCHESTRATION_ORCHESTRATION__SYNC_TO_ASYNC_THRESHOLD_MS: '19500',
};
const within1s = { withinMs: 1000, everyMs: 20 };
const acme = { 'x-tenant-id': 'acme' };
const asAnn = { ...acme, 'x-principal': 'ann' };
const asBob = { ...acme, 'x-principal': 'bob' };

const policyOf = (required: readonly string[], fields: object = {}) => ({
  required_detectors: required,
  coverage_calculation: { calculation_method: 'required_set' },
  rate_limit_per_minute: 100_000,
  ...fields,
});

describe.each(['file', 'postgres'])('policies over the API, kept in %s, with two facades', (store) => {
  let system: System;
  let facades: [Part, Part];
  beforeAll(async () => {
    system = await System.start({
      detectors: ['a', 'b', 'c'],
      policies: { 'demo/default': { policy: {} } },
      env: { ...env, ORCHESTRATION_POLICY_STORE_TYPE: store },
    });
    facades = [system.facade, await system.startPart('api')];
  });
  beforeEach(() => {
    system.detectors.reset();
    system.url = facades[0].url;
  });
  afterAll(() => system?.stop());

  const at = <T>(facade: Part, send: () => Promise<T>): Promise<T> => {
    system.url = facade.url;
    return send();
  };
  const put = <T = PolicyVersion>(bundle: string, body: object, headers: Record<string, string> = asAnn) =>
    system.request<T>('PUT', `/policies/${bundle}`, body, headers);
  const askedAt = async (facade: Part, bundle: string) => {
    const { status, body } = await at(facade, () =>
      system.orchestrate({ tenant_id: 'acme', policy_bundle: bundle }),
    );
    return status === 200
      ? [body.routing_decision.policy_version, ...body.routing_decision.selected_detectors]
      : [status];
  };

  it('a stored bundle changes the next request’s routing, on both facades within a second [2] [2.2] [18.2] [F.4]', async () => {
    const [a, b] = facades;
    expect(await askedAt(b, 'routed')).toEqual([400]);
    const first = await at(a, () => put('routed', { policy: policyOf(['a']), description: 'only a' }));
    expect([first.status, first.headers.get('location')]).toEqual([
      201,
      '/api/v1/policies/routed?version=1.0',
    ]);
    expect(first.body).toMatchObject({ version: '1.0', status: 'approved', active: true, created_by: 'ann' });
    expect(await askedAt(a, 'routed')).toEqual(['1.0', 'a']);
    await eventually(
      () => askedAt(b, 'routed'),
      (asked) => asked.join() === '1.0,a',
      within1s,
    );
    await at(a, () => put('routed', { policy: policyOf(['b', 'c']) }));
    expect(await askedAt(a, 'routed')).toEqual(['1.1', 'b', 'c']);
    await eventually(
      () => askedAt(b, 'routed'),
      (asked) => asked.join() === '1.1,b,c',
      within1s,
    );
    // Another tenant's bundle of this name is nobody's.
    const { status } = await system.orchestrate({ tenant_id: 'globex', policy_bundle: 'routed' });
    expect(status).toBe(400);
  });

  it('a running orchestration keeps the version that it began with, and a deleted one too [2.2]', async () => {
    const rego = {
      'rules/policy.rego':
        'package orchestration\n\ncoverage := {"coverage_met": input.policy.policy_data.enough}\n',
    };
    const policy = (enough: boolean) => ({
      policy: policyOf(['a'], { rego_policy_path: 'rules', policy_data: { enough } }),
      rego,
    });
    await put('kept', policy(false));
    const gate = held(flags('toxic', 0.9));
    system.detectors.behave('a', gate.behavior);
    const running = await system.orchestrate({
      tenant_id: 'acme',
      policy_bundle: 'kept',
      processing_mode: 'async',
    });
    expect(running.status).toBe(202);
    await system.detectors.called('a');
    await put('kept', policy(true));
    const { status } = await system.request('DELETE', '/policies/kept', undefined, asBob);
    expect(status).toBe(204);
    gate.release();
    const { result } = (await system.ended(running.body.job_id!)) as unknown as {
      result: { error_code: string; routing_decision: { policy_version: string } };
    };
    expect(result).toMatchObject({
      error_code: 'PARTIAL_COVERAGE',
      routing_decision: { policy_version: '1.0' },
    });
    expect(await askedAt(facades[0], 'kept')).toEqual([400]);
  });

  it('weights that miss 1.0 are refused, by field, and the active version goes on; conflict defaults apply when unset [2.2]', async () => {
    await put('weighed', { policy: policyOf(['a']) });
    const calculation = {
      calculation_method: 'weighted_coverage',
      weighted_requirements: { a: 0.5, b: 0.4 },
    };
    const refused = await put<ErrorResponse>('weighed', {
      policy: policyOf(['a'], { coverage_calculation: calculation }),
    });
    expect([refused.status, refused.body]).toMatchObject([
      400,
      {
        error_code: 'INVALID_REQUEST',
        detail: 'policy_invalid',
        field_errors: [
          {
            path: 'policy.coverage_calculation.weighted_requirements',
            message: 'must sum to 1.0, but sums to 0.9',
          },
        ],
      },
    ]);
    expect(await askedAt(facades[0], 'weighed')).toEqual(['1.0', 'a']);

    await put('weighed', { policy: policyOf(['a', 'b']) });
    system.detectors.behave('a', flags('toxic', 0.9));
    const decidedBy = async (contentType: string) => {
      const { body } = await system.orchestrate({
        tenant_id: 'acme',
        policy_bundle: 'weighed',
        content_type: contentType,
      });
      const audit = body.aggregated_payload?.metadata.conflict_resolution;
      return [audit?.decided_by, audit?.strategy_used];
    };
    expect(await decidedBy('text')).toEqual(['content_type_default', 'weighted_average']);
  });

  it('draft, review, approval by somebody else, activity; rollback; history and difference [2.2]', async () => {
    const version = (n: string, action: string, body?: object, headers = asAnn) =>
      system.request<PolicyVersion & ErrorResponse>(
        'POST',
        `/policies/careful/versions/${n}/${action}`,
        body,
        headers,
      );
    await put('careful', { policy: policyOf(['a']), draft: true });
    expect(await askedAt(facades[0], 'careful')).toEqual([400]);
    expect((await version('1.0', 'submit')).body.status).toBe('pending_approval');
    const approve = { decision: 'approve', note: 'as agreed', activate: false };
    const own = await version('1.0', 'review', approve);
    expect([own.status, own.body.detail]).toEqual([403, 'approver_is_submitter']);
    expect((await version('1.0', 'review', approve, asBob)).body).toMatchObject({
      status: 'approved',
      active: false,
    });
    const again = await version('1.0', 'review', approve, asBob);
    expect([again.status, again.body.detail]).toEqual([409, 'version_not_reviewable']);
    expect((await version('1.0', 'activate')).body).toMatchObject({ active: true });
    expect(await askedAt(facades[0], 'careful')).toEqual(['1.0', 'a']);

    await put('careful', { policy: policyOf(['b']), requires_approval: true });
    expect(await askedAt(facades[0], 'careful')).toEqual(['1.0', 'a']);
    await version('1.1', 'review', { decision: 'approve' }, asBob);
    expect(await askedAt(facades[0], 'careful')).toEqual(['1.1', 'b']);
    expect((await version('1.0', 'rollback', { reason: 'too narrow' })).body).toMatchObject({
      version: '1.2',
      rolled_back_from: '1.0',
      active: true,
    });
    expect(await askedAt(facades[0], 'careful')).toEqual(['1.2', 'a']);
    const missing = await version('9.9', 'activate');
    expect([missing.status, missing.body.detail]).toEqual([404, 'version_not_found']);

    const history = await system.request<{ versions: PolicyVersion[]; next_page_token: string }>(
      'GET',
      '/policies/careful/versions?limit=2',
      undefined,
      acme,
    );
    expect(history.body).toMatchObject({
      total_count: 3,
      versions: [{ version: '1.2' }, { version: '1.1', status: 'rolled_back' }],
    });
    const rest = await system.request(
      'GET',
      `/policies/careful/versions?limit=2&page_token=${history.body.next_page_token}`,
      undefined,
      acme,
    );
    expect(rest.body).toEqual({ total_count: 3, versions: [expect.objectContaining({ version: '1.0' })] });
    const diff = await system.request('GET', '/policies/careful/diff?from=1.0&to=1.1', undefined, acme);
    expect(diff.body).toMatchObject({
      fields: [{ path: 'required_detectors', before: ['a'], after: ['b'] }],
      rego: {},
    });
  });

  it('two editors cannot overwrite each other', async () => {
    await put('edited', { policy: policyOf(['a']) });
    const read = await system.request<PolicyDocument>('GET', '/policies/edited', undefined, acme);
    const etag = read.headers.get('etag')!;
    const first = await put('edited', { policy: policyOf(['b']) }, { ...asAnn, 'if-match': etag });
    const second = await at(facades[1], () =>
      put<ErrorResponse>('edited', { policy: policyOf(['c']) }, { ...asBob, 'if-match': etag }),
    );
    expect([first.status, second.status, second.body.detail]).toEqual([201, 409, 'version_conflict']);
    const third = await put('edited', { policy: policyOf(['c']), expected_version: '1.1' }, asBob);
    expect(third.body.version).toBe('1.2');
  });

  it('lists a tenant’s own bundles by pages, and what the store can do', async () => {
    for (const name of ['p1', 'p2', 'p3'])
      await put(name, { policy: policyOf(['a']) }, { 'x-tenant-id': 'pages' });
    const list = (query: string, tenant = 'pages') =>
      system.request<PolicyList>('GET', `/policies?${query}`, undefined, { 'x-tenant-id': tenant });
    const first = await list('limit=2');
    expect(first.body).toMatchObject({
      policies: [
        { policy_bundle: 'p1', active_version: '1.0', versions: 1 },
        { policy_bundle: 'p2', latest_status: 'approved' },
      ],
      total_count: 3,
      refused: [],
      store: { backend: store, watching: store === 'file' },
    });
    const second = await list(`limit=2&page_token=${first.body.next_page_token}`);
    expect(second.body.policies).toMatchObject([{ policy_bundle: 'p3' }]);
    expect((await list('', 'nobody')).body).toMatchObject({ policies: [], total_count: 0 });
    const nameless = await system.request<ErrorResponse>('GET', '/policies');
    expect([nameless.status, nameless.body.detail]).toEqual([400, 'tenant_required']);
    const foreign = await put<ErrorResponse>('p1', { policy: policyOf(['a'], { tenant_id: 'globex' }) });
    expect([foreign.status, foreign.body.detail]).toEqual([403, 'tenant_mismatch']);
  });
});

describe('the folder of policies, with two facades', () => {
  let system: System;
  let facades: [Part, Part];
  let folder: string;
  beforeAll(async () => {
    system = await System.start({ detectors: ['a', 'b', 'c'], env });
    facades = [system.facade, await system.startPart('api')];
    folder = path.join(system.dataDir, 'policies', 'demo', 'edited');
    mkdirSync(path.join(folder, 'rules'), { recursive: true });
  });
  afterAll(() => system?.stop());

  const write = (fields: object) =>
    writeFileSync(
      path.join(folder, 'policy.yaml'),
      stringify({ tenant_id: 'demo', policy_bundle: 'edited', ...policyOf(['a']), ...fields }),
    );
  const askedAt = async (facade: Part) => {
    system.url = facade.url;
    const { status, body } = await system.orchestrate({ policy_bundle: 'edited' });
    return status === 200
      ? [body.routing_decision.policy_version, ...body.routing_decision.selected_detectors].join()
      : String(status);
  };
  const everywhere = async (asked: string) => {
    for (const facade of facades)
      await eventually(
        () => askedAt(facade),
        (answer) => answer === asked,
        { withinMs: 15_000 },
      );
  };
  const stated = async () => {
    const answer = await system.request<PolicyList>('GET', '/policies', undefined, { 'x-tenant-id': 'demo' });
    return answer.body;
  };

  it('edits apply live: a new bundle, another text, a new version [2] [18.2] [F.3]', async () => {
    write({});
    await everywhere('1.0,a');
    write({ required_detectors: ['b'] });
    await everywhere('1.1,b');
    write({ required_detectors: ['c'], version: '3.0' });
    await everywhere('3.0,c');
  });

  it('a bad edit is refused, in log and status, and the old version goes on until it is mended [2.3] [18.2]', async () => {
    writeFileSync(
      path.join(folder, 'rules', 'policy.rego'),
      'package orchestration\n\ncoverage := nobody(1)\n',
    );
    write({ rego_policy_path: 'rules', required_detectors: ['a'] });
    for (const facade of facades) {
      system.url = facade.url;
      const { refused } = await eventually(stated, (list) => list.refused.length > 0, { withinMs: 15_000 });
      expect(refused).toMatchObject([
        {
          policy_bundle: 'edited',
          problems: [
            { file: 'rules/policy.rego', line: 3, column: 13, message: expect.stringContaining('nobody') },
          ],
        },
      ]);
      expect(await askedAt(facade)).toBe('3.0,c');
      const line = facade.log.split('\n').find((text) => text.includes('a changed policy bundle is invalid'));
      expect(JSON.parse(line!)).toMatchObject({ tenant_id: 'demo', bundle: 'edited', version: '3.0' });
      const status = await system.request('GET', '/status');
      expect(status.body).toMatchObject({ components: { policies: { bundles: { 'demo/edited': '3.0' } } } });
    }
    writeFileSync(
      path.join(folder, 'rules', 'policy.rego'),
      'package orchestration\n\ncoverage := {"coverage_met": true}\n',
    );
    await everywhere('3.1,a');
    for (const facade of facades) {
      system.url = facade.url;
      await eventually(stated, ({ refused }) => refused.length === 0, { withinMs: 15_000 });
    }
  });

  it('a bundle that is gone from it goes on deciding, over a restart too, until it is deleted', async () => {
    rmSync(folder, { recursive: true });
    await facades[1].end();
    facades[1] = await system.startPart('api');
    await everywhere('3.1,a');
    const { status } = await system.request('DELETE', '/policies/edited', undefined, {
      'x-tenant-id': 'demo',
    });
    expect(status).toBe(204);
    await everywhere('400');
  });
});
