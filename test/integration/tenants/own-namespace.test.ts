import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from '@temporalio/client';
import { stringify } from 'yaml';
import type { TenantOperation } from '../../../src/contract/tenant-operations';
import { conclave } from '../../support/conclave-command';
import { eventually } from '../../support/eventually';
import { flags } from '../../support/fake-detectors';
import { System, testServers } from '../../support/system';
import * as bulk from '../bulk/support';
import { calledBack, Receiver, secret } from '../callbacks/support';
import { cancel, ended, hold, jobOf, published, rerun, runOf, submitJob } from '../core/job-support';
import { seed } from './seeding';

const turn = randomUUID().slice(0, 8);
const namespace = `own-${turn}`;
/** One with a namespace of its own, one without, and one that is given one while it is served. */
const [apart, among, moving] = ['apart', 'among', 'moving'].map((name) => `${name}-${turn}`) as [
  string,
  string,
  string,
];
const pool = `pool-of-${turn}`;

describe('A tenant with a namespace of its own', () => {
  let system: System;
  let dir: string;
  let own: Client;
  let command: (...words: string[]) => ReturnType<typeof conclave>;
  const receiver = new Receiver();

  function settings(tenantNamespaces: Record<string, string>): void {
    writeFileSync(
      path.join(dir, 'settings.yaml'),
      stringify({ workflow: { tenant_namespaces: tenantNamespaces } }),
    );
  }

  beforeAll(async () => {
    dir = mkdtempSync(path.join(tmpdir(), 'conclave-namespace-'));
    settings({ [apart]: namespace });
    await receiver.listen();
    receiver.answer(204);
    const tenants = [apart, among, moving];
    const env = {
      ORCHESTRATION_CONFIG_PATH: path.join(dir, 'settings.yaml'),
      ORCHESTRATION_WORKFLOW__POOLS: JSON.stringify([pool]),
      // Processes start again while jobs wait.
      ORCHESTRATION_ORCHESTRATION__ASYNC_REQUEST_SLA_MS: '120000',
      ORCHESTRATION_CALLBACKS__TENANTS: JSON.stringify(
        tenants.map((tenant_id) => ({
          tenant_id,
          hosts: ['127.0.0.1'],
          secret_refs: ['env:TEST_CALLBACK_SECRET'],
        })),
      ),
      TEST_CALLBACK_SECRET: secret,
    };
    system = await System.start({
      detectors: ['a', { name: 'pooled', pool }, { name: 'patient', timeout_ms: 30_000 }],
      policies: Object.fromEntries([
        ...[apart, among].map((tenant) => [`${tenant}/default`, { policy: { required_detectors: ['a'] } }]),
        [`${moving}/default`, { policy: { required_detectors: ['patient'] } }],
        [`${apart}/pooled`, { policy: { required_detectors: ['pooled'] } }],
      ]),
      env,
      parts: [],
    });
    own = new Client({ connection: system.temporal.connection, namespace });
    const { databaseUrl, temporalAddress } = testServers();
    const url = new URL(databaseUrl);
    url.pathname = `/${system.database}`;
    const servers = {
      ORCHESTRATION_DATABASE_URL: url.href,
      ORCHESTRATION_WORKFLOW__ADDRESS: temporalAddress,
      ORCHESTRATION_DATA_DIR: system.dataDir,
    };
    command = (...words) => conclave(words, { ...env, ...servers });
  });
  beforeEach(() => {
    system.detectors.reset();
    system.detectors.behave('a', flags('seeded', 0.9));
  });
  afterAll(async () => {
    await system?.stop();
    receiver.close();
    rmSync(dir, { recursive: true, force: true });
  });

  /** What of a tenant runs or ran in a namespace: each kind once. */
  async function kindsIn(client: Client, tenant: string): Promise<string[]> {
    const found = new Set<string>();
    for await (const run of client.workflow.list({ query: `Tenant = '${tenant}'` }))
      found.add(String(run.searchAttributes['Kind']));
    return [...found].toSorted();
  }

  const isIn = (client: Client, workflowId: string): Promise<boolean> =>
    client.workflow
      .getHandle(workflowId)
      .describe()
      .then(
        () => true,
        (error: Error) => {
          if (error.name === 'WorkflowNotFoundError') return false;
          throw error;
        },
      );
  const whereIs = async (workflowId: string): Promise<object> => ({
    own: await isIn(own, workflowId),
    main: await isIn(system.temporal, workflowId),
  });
  const inOwn = { own: true, main: false };
  const inMain = { own: false, main: true };

  it('is not served before that is prepared, which setup does', async () => {
    for (const part of ['worker', 'api']) {
      const { code, stderr } = await command('start', part);
      expect([code, stderr]).toEqual([
        1,
        expect.stringMatching(
          new RegExp(`there is no namespace ${namespace}[^]*Remedy: [^]*npx conclave setup`),
        ),
      ]);
    }
    const { code, stdout } = await command('setup');
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/namespace default is prepared\n[^]*namespace own-\w+ is prepared\n$/),
    ]);
    expect((await command('setup')).code).toBe(0);
    await Promise.all([system.startPart('api'), system.startPart('worker')]);
  });

  it('is judged like any other: at once, as a job, in a pool, cancelled, in bulk, and is called back', async () => {
    const answer = await system.orchestrate({ tenant_id: apart });
    expect([answer.status, answer.body.coverage_achieved]).toEqual([200, 1]);

    const jobId = await submitJob(system, {
      tenant_id: apart,
      metadata: { callback_url: `${receiver.url}/hook` },
    });
    expect((await ended(system, jobId)).status).toBe('completed');
    await calledBack(system, jobId, 'delivered');
    expect(receiver.about(jobId).map(({ body }) => body.status)).toEqual(['completed']);
    for (const id of [jobId, `callback-${jobId}`]) expect(await whereIs(id)).toEqual(inOwn);

    const pooled = await submitJob(system, { tenant_id: apart, policy_bundle: 'pooled' });
    expect((await ended(system, pooled)).status).toBe('completed');
    expect(await whereIs(pooled)).toEqual(inOwn);

    const { a: release } = hold(system, ['a']);
    const cancelled = await submitJob(system, { tenant_id: apart });
    await system.detectors.called('a');
    expect((await cancel(system, cancelled)).body.status).toBe('cancelled');
    release();
    await published(system, await runOf(system, cancelled));
    expect(await whereIs(cancelled)).toEqual(inOwn);

    const bulkId = await bulk.submit(system, [{ tenant_id: apart }, { tenant_id: apart }]);
    expect((await bulk.ended(system, bulkId)).outcomes).toMatchObject({ completed: 2, failed: 0 });
    expect(await whereIs(bulkId)).toEqual(inOwn);
  });

  it('has nothing outside of it, and nobody else has anything in it', async () => {
    await Promise.all([seed(system, apart), seed(system, among)]);
    const kinds = ['bulk', 'callback', 'job', 'policy_simulation', 'sync'];
    await eventually(
      async () => [await kindsIn(own, apart), await kindsIn(system.temporal, among)],
      (found) => found.every((each) => kinds.every((kind) => each.includes(kind))),
      { withinMs: 60_000 },
    );
    expect(await kindsIn(system.temporal, apart)).toEqual([]);
    expect(await kindsIn(own, among)).toEqual([]);
    for await (const run of own.workflow.list())
      expect([run.workflowId, run.searchAttributes['Tenant']]).toEqual([run.workflowId, [apart]]);
  });

  it('may be given it while it is served: what had begun outside is found, goes on and ends there', async () => {
    const { patient: release } = hold(system, ['patient']);
    const begun = await submitJob(system, { tenant_id: moving });
    const lost = await submitJob(system, { tenant_id: moving });
    await system.detectors.called('patient', 2);
    const bulkId = await bulk.submit(system, [{ tenant_id: moving }]);
    await system.detectors.called('patient', 3);
    for (const id of [begun, lost, bulkId]) expect(await whereIs(id)).toEqual(inMain);

    await Promise.all(system.parts.map((part) => part.kill()));
    await system.temporal.workflow.getHandle(lost).terminate();
    settings({ [apart]: namespace, [moving]: namespace });
    await Promise.all([system.startPart('api'), system.startPart('worker')]);
    await bulk.until(system, bulkId, ({ status }) => status !== 'pending');
    expect((await system.request('DELETE', `${bulk.route}/${bulkId}`)).status).toBe(200);
    expect((await bulk.ended(system, bulkId)).status).toBe('cancelled');
    release();
    expect([(await ended(system, begun)).status, (await ended(system, lost)).status]).toEqual([
      'completed',
      'completed',
    ]);
    // The sweeper has read there what it was about, and repeated it where it belongs now.
    expect(await whereIs(`repeat-${lost.slice('job-'.length)}`)).toEqual(inOwn);
    expect(await whereIs(begun)).toEqual(inMain);

    // Its content is in the history of the old.
    const again = await rerun(system, begun, {});
    expect(again.status).toBe(202);
    expect((await ended(system, again.body.job_id!)).status).toBe('completed');
    expect(await whereIs(again.body.job_id!)).toEqual(inOwn);
    expect((await jobOf(system, begun)).status).toBe('completed');
  });

  it('leaves no history behind when it is erased', async () => {
    for (const tenant of [apart, moving]) {
      const { status } = await system.request('PUT', `/tenants/${tenant}`, {
        name: tenant,
        status: 'suspended',
      });
      expect(status).toBe(200);
      const { body } = await system.request<TenantOperation>('DELETE', `/tenants/${tenant}`);
      const operation = await eventually(
        async () =>
          (await system.request<TenantOperation>('GET', `/tenants/${tenant}/operations/${body.operation_id}`))
            .body,
        (now) => now.status !== 'running',
        { withinMs: 120_000 },
      );
      expect([operation.status, operation.error]).toEqual(['completed', null]);
      await eventually(
        async () => [...(await kindsIn(own, tenant)), ...(await kindsIn(system.temporal, tenant))],
        (left) => left.join() === 'tenant_operation',
      );
    }
    expect(await kindsIn(own, apart)).toEqual([]);
    expect(await kindsIn(system.temporal, among)).toContain('job');
  });
});
