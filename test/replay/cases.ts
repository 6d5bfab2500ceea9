import { createServer } from 'node:http';
import type { JobStatusResponse } from '../../src/contract/answer';
import type { CallbackState } from '../../src/contract/callback-state';
import type { KeyRotationList } from '../../src/contract/keys-api';
import type { TenantOperation } from '../../src/contract/tenant-operations';
import { Company, filling } from '../support/company';
import { eventually } from '../support/eventually';
import { about, findings, flags, held, inTurn, status } from '../support/fake-detectors';
import { listening } from '../support/mock-upstream';
import type { System, SystemOptions } from '../support/system';

/** A path through the workflows that is worth keeping able to replay. */
export interface Case {
  readonly workflow:
    | 'orchestrationRun'
    | 'failedJob'
    | 'bulkRun'
    | 'bulkChunk'
    | 'healthMonitor'
    | 'policySimulation'
    | 'keyRotation'
    | 'tenantKeyRotation'
    | 'callbackDelivery'
    | 'noticeDelivery'
    | 'tenantErasure'
    | 'tenantExport'
    | 'tenantOnboarding';
  readonly name: string;
  /** Takes the path. @returns the id of the workflow whose history is kept */
  readonly play: (system: System) => Promise<string>;
}

const only = (...required_detectors: string[]) => ({ policy: { required_detectors } });

/** The installation that the cases are played on: every lane, role and rule. */
export const installation: SystemOptions = {
  mapper: 'real',
  detectors: [
    { name: 'a' },
    { name: 'b' },
    { name: 'after-a', depends_on: ['a'] },
    { name: 'lone', max_retries: 0 },
    { name: 'spare' },
    { name: 'pooled', pool: 'recorded' },
    { name: 'one-by-one', max_batch: 1 },
    ...filling.detectors,
  ],
  policies: {
    'demo/default': only('a', 'b'),
    'leaving/default': only('a'),
    'demo/chain': only('a', 'after-a', 'b'),
    'demo/lone': only('lone'),
    'demo/one-by-one': only('a', 'one-by-one'),
    ...filling.policies,
    'demo/pool': only('a', 'pooled'),
    'demo/partial': only('a', 'b', 'lone'),
    'demo/ruled': {
      policy: {
        required_detectors: ['a', 'lone'],
        optional_detectors: ['spare'],
        coverage_calculation: {
          calculation_method: 'weighted_coverage',
          weighted_requirements: { a: 0.5, lone: 0.25, spare: 0.25 },
          partial_coverage_threshold: 0.7,
        },
      },
      rego: {
        'rules.rego': [
          'package orchestration',
          'coverage := {"coverage_met": input.coverage_achieved >= input.threshold,',
          '  "coverage_score": input.coverage_achieved, "missing_requirements": [], "policy_violations": []}',
          'conflict := {"resolution_strategy": "most_restrictive", "tie_breaker": "detector_priority",',
          '  "resolution_reason": "the stricter verdict stands"}',
        ].join('\n'),
      },
    },
  },
  env: {
    ORCHESTRATION_WORKFLOW__POOLS: '["recorded"]',
    ORCHESTRATION_CALLBACKS__TENANTS: JSON.stringify([
      { tenant_id: 'demo', hosts: ['127.0.0.1'], secret_refs: ['env:RECORDED_CALLBACK_SECRET'] },
    ]),
    ORCHESTRATION_CALLBACKS__RETRY_SECONDS: '[0.1, 3600]',
    RECORDED_CALLBACK_SECRET: `whsec_${Buffer.alloc(32, 'recorded').toString('base64')}`,
    // Nobody is told: there is no secret to sign with.
    ORCHESTRATION_NOTIFICATIONS__RECIPIENTS: JSON.stringify([
      { events: ['breaker_opened'], webhooks: ['http://127.0.0.1:9/'] },
    ]),
    ORCHESTRATION_NOTIFICATIONS__RETRY_SECONDS: '[0.1, 3600]',
    ORCHESTRATION_ORCHESTRATION__CIRCUIT_BREAKER_FAILURE_THRESHOLD: '1000',
  },
};

const texts = [
  'the weather is fine',
  'please call me tomorrow',
  'this text is somewhat rude',
  'a fourth text',
];
const rude = findings((content) =>
  content.includes('rude') ? [{ start: 18, end: 26, detection: 'toxic', score: 0.9 }] : [],
);

async function sync(system: System, fields: Record<string, unknown> = {}): Promise<string> {
  const { body } = await system.orchestrate({ content: texts[0], ...fields });
  return runOf(system, body.request_id);
}

/** The version that decided, on what it decided. */
async function simulated(system: System): Promise<string> {
  await sync(system);
  const { body } = await system.request<{ simulation_id: string }>(
    'POST',
    '/policies/default/simulate',
    { version: '1.0' },
    { 'x-tenant-id': 'demo' },
  );
  return `simulation-${body.simulation_id}`;
}

/** Of the master key, which a tenant's key is wrapped by. */
async function keysRotated(system: System): Promise<string> {
  await sync(system);
  const { body } = await system.request<{ rotation_id: string }>('POST', '/keys/rotations', {});
  return `key-rotation-${body.rotation_id}`;
}

/** Of all tenants' keys, by the schedule. */
async function tenantKeysRotated(system: System): Promise<string> {
  await sync(system);
  await system.temporal.schedule.getHandle(`${system.taskQueue}-key-rotation`).trigger();
  const [rotation] = await eventually(
    async () => (await system.request<KeyRotationList>('GET', '/keys/rotations')).body.rotations,
    ([latest]) => latest?.kind === 'tenant_keys' && latest.status === 'completed',
    { withinMs: 60_000 },
  );
  return rotation!.workflow_id!;
}

async function operated(system: System, method: string, route: string, body?: object): Promise<string> {
  return operationOf(system, (await system.request<TenantOperation>(method, route, body)).body);
}

async function erased(system: System): Promise<string> {
  const tenant_id = 'leaving';
  await system.orchestrate({ tenant_id, content: texts[0] });
  await system.request('PUT', `/tenants/${tenant_id}`, { name: 'It leaves', status: 'suspended' });
  return operated(system, 'DELETE', `/tenants/${tenant_id}`);
}

/** When it has ended. @returns the id of its workflow */
async function operationOf(
  system: System,
  { tenant_id, operation_id, kind }: TenantOperation,
): Promise<string> {
  await eventually(
    async () =>
      (await system.request<TenantOperation>('GET', `/tenants/${tenant_id}/operations/${operation_id}`)).body,
    ({ status: now }) => now !== 'running',
    { withinMs: 60_000 },
  );
  return `tenant-${kind}-${operation_id}`;
}

async function job(system: System, fields: Record<string, unknown> = {}): Promise<string> {
  const { body } = await system.orchestrate({ content: texts[0], processing_mode: 'async', ...fields });
  await system.ended(body.job_id!);
  return body.job_id!;
}

async function runOf(system: System, requestId: string): Promise<string> {
  const find = 'select run_id from orchestration where request_id = $1';
  const { rows } = await system.db.query<{ run_id: string }>(find, [requestId]);
  return rows[0]!.run_id;
}

/** Two requests hold the slots until they become jobs; then the three behind them share a run (design.md 7, 9). */
async function shared(system: System): Promise<string> {
  const gate = held(rude);
  system.detectors.behave('a', gate.behavior);
  const ahead = [1, 2].map(async (nth) => {
    const answer = system.orchestrate({ content: texts[0] });
    await system.detectors.called('a', nth);
    return answer;
  });
  await system.detectors.called('a', 2);
  const sharing = texts.slice(1).map((content) => system.orchestrate({ content }));
  await system.detectors.called('a', 3);
  gate.release();
  await Promise.all(ahead);
  const [{ body }] = (await Promise.all(sharing)) as [Awaited<(typeof sharing)[number]>];
  if (system.detectors.callsOf('a').at(-1)!.contents.length !== 3) throw new Error('they did not share');
  return runOf(system, body.request_id);
}

/** One of three that share a run has to be asked for again, and leaves the others for it. */
async function late(system: System): Promise<string> {
  system.detectors.behave('one-by-one', about('rude', inTurn(status(503), rude), rude));
  const company = await Company.gather(system);
  const sharing = [];
  for (const content of texts.slice(1))
    sharing.push(await company.add({ content, policy_bundle: 'one-by-one' }));
  await company.depart();
  const [{ body }] = (await Promise.all(sharing.map(({ answer }) => answer))) as [
    Awaited<(typeof sharing)[0]['answer']>,
  ];
  return runOf(system, body.request_id);
}

async function cancelled(system: System): Promise<string> {
  const gate = held(rude);
  system.detectors.behave('a', gate.behavior);
  const { body } = await system.orchestrate({ content: texts[0], processing_mode: 'async' });
  await system.detectors.called('a');
  await system.request('DELETE', `/orchestrate/status/${body.job_id}`);
  gate.release();
  return body.job_id!;
}

/** An operator ends the run from Temporal Web. */
async function cancelledInTemporal(system: System): Promise<string> {
  const gate = held(rude);
  system.detectors.behave('pooled', gate.behavior);
  const fields = { content: texts[0], processing_mode: 'async', policy_bundle: 'pool' };
  const { body } = await system.orchestrate(fields);
  await system.detectors.called('pooled');
  await system.temporal.workflow.getHandle(body.job_id!).cancel();
  await system.ended(body.job_id!);
  gate.release();
  return body.job_id!;
}

/** A request that became a job and then failed: its run completes, and a child fails in its name. */
async function convertedAndFailed(system: System): Promise<{ run: string; job: string }> {
  const gate = held(status(500));
  system.detectors.behave('lone', gate.behavior);
  const { body } = await system.orchestrate({ content: texts[0], policy_bundle: 'lone' });
  gate.release();
  await system.ended(body.job_id!);
  await eventually(
    () =>
      system.temporal.workflow
        .getHandle(body.job_id!)
        .describe()
        .then(
          ({ status: { name } }) => name,
          () => 'ABSENT',
        ),
    (name) => name === 'FAILED',
  );
  return { run: await runOf(system, body.request_id), job: body.job_id! };
}

/** A job whose receiver answers so; the intervention comes when it has failed twice. */
async function calledBack(
  system: System,
  statusOf: (tries: number) => number,
  end: 'delivered' | 'failed',
  intervene?: (workflowId: string) => Promise<unknown>,
): Promise<string> {
  let tries = 0;
  const receiver = createServer((_request, response) => response.writeHead(statusOf(++tries)).end());
  const callback_url = await listening(receiver);
  try {
    const jobId = await job(system, { metadata: { callback_url } });
    const workflowId = `callback-${jobId}`;
    const until = (satisfied: (callback: CallbackState) => boolean) =>
      eventually(
        async () =>
          (await system.request<JobStatusResponse>('GET', `/orchestrate/status/${jobId}`)).body.callback!,
        satisfied,
        { withinMs: 40_000 },
      );
    if (intervene) {
      await until(({ attempts, next_attempt_at }) => attempts === 2 && next_attempt_at !== null);
      await intervene(workflowId);
    }
    await until(({ status: now }) => now === end);
    return workflowId;
  } finally {
    receiver.closeAllConnections();
    receiver.close();
  }
}

/** A notice that nobody takes, until an operator gives it up. */
async function noticeCancelled(system: System): Promise<string> {
  await system.request('POST', '/circuit-breaker/trip/spare');
  await system.request('POST', '/circuit-breaker/reset/spare');
  const notices = async () => {
    const { rows } = await system.db.query<{ notice_id: string; status: string; attempts: number }>(
      'select notice_id, status, attempts from notice',
    );
    return rows;
  };
  const [notice] = await eventually(notices, (rows) => rows.some(({ attempts }) => attempts === 2));
  const workflowId = `notice-${notice!.notice_id}`;
  const handle = system.temporal.workflow.getHandle(workflowId);
  await eventually(
    () => handle.describe(),
    ({ raw }) => {
      const waiting = raw.pendingActivities?.[0];
      return waiting?.attempt === 3 && Boolean(waiting.lastFailure);
    },
  );
  await handle.cancel();
  await eventually(notices, (rows) => rows.every(({ status: now }) => now === 'failed'));
  return workflowId;
}

/** The monitor of upstreams, on duty until an operator ends it; it is soon started again. */
async function monitorCancelled(system: System): Promise<string> {
  const workflowId = `${system.taskQueue}-health-monitor`;
  const handle = system.temporal.workflow.getHandle(workflowId);
  await eventually(
    () => handle.describe(),
    ({ raw }) => raw.pendingActivities?.length === 1,
  );
  await handle.cancel();
  return workflowId;
}

const run = (name: string, play: Case['play']): Case => ({ workflow: 'orchestrationRun', name, play });

/** Uploads so many items of these kinds in turn. @returns the id of the job */
async function bulk(system: System, items: number, ...kinds: Record<string, unknown>[]): Promise<string> {
  const lines = Array.from({ length: items }, (_, n) =>
    JSON.stringify(system.body({ content: texts[n % texts.length], ...kinds[n % kinds.length] })),
  );
  const type = { 'content-type': 'application/x-ndjson' };
  const { body } = await system.request<{ bulk_id: string }>('POST', bulkRoute, lines.join('\n'), type);
  return body.bulk_id;
}

const bulkRoute = '/orchestrate/bulk';

async function bulkUntil(
  system: System,
  bulkId: string,
  satisfies: (job: { completed_at: string | null; processed_items: number }) => boolean,
): Promise<void> {
  await eventually(
    async () => (await system.request<Parameters<typeof satisfies>[0]>('GET', `${bulkRoute}/${bulkId}`)).body,
    satisfies,
    { withinMs: 60_000 },
  );
}

const bulkEnded = (system: System, bulkId: string) =>
  bulkUntil(system, bulkId, ({ completed_at }) => completed_at !== null);

async function chunkOf(system: System, bulkId: string): Promise<string> {
  const { rows } = await system.db.query<{ run_id: string }>(
    'select run_id from run_key where bulk_id = $1 and run_id <> $1',
    [bulkId],
  );
  return rows[0]!.run_id;
}

async function completedBulk(
  system: System,
  items: number,
  ...kinds: Record<string, unknown>[]
): Promise<string> {
  const bulkId = await bulk(system, items, ...kinds);
  await bulkEnded(system, bulkId);
  return bulkId;
}

async function pausedBulk(system: System): Promise<string> {
  const gate = held(rude);
  system.detectors.behave('lone', gate.behavior);
  const bulkId = await bulk(system, 5 * 256, { policy_bundle: 'lone' });
  await system.detectors.called('lone', 4);
  await system.request('POST', `${bulkRoute}/${bulkId}/pause`);
  gate.release();
  await bulkUntil(system, bulkId, ({ processed_items }) => processed_items === 4 * 256);
  await system.request('POST', `${bulkRoute}/${bulkId}/resume`);
  await bulkEnded(system, bulkId);
  return bulkId;
}

async function cancelledBulk(system: System): Promise<string> {
  const gate = held(rude);
  system.detectors.behave('lone', gate.behavior);
  const bulkId = await bulk(system, 40, { policy_bundle: 'lone' });
  await system.detectors.called('lone');
  await system.request('DELETE', `${bulkRoute}/${bulkId}`);
  await bulkEnded(system, bulkId);
  gate.release();
  return bulkId;
}

/** A chunk that an operator ends from Temporal Web is tried again in another run. */
async function retriedBulk(system: System): Promise<string> {
  const gate = held(rude);
  system.detectors.behave('lone', gate.behavior);
  const bulkId = await bulk(system, 2, { policy_bundle: 'lone' });
  await system.detectors.called('lone');
  await system.temporal.workflow.getHandle(await chunkOf(system, bulkId)).terminate();
  gate.release();
  await bulkEnded(system, bulkId);
  return bulkId;
}

export const cases: readonly Case[] = [
  run('fast-lane', (system) => sync(system)),
  run('shared', shared),
  run('late-member', late),
  run('retries', (system) => {
    system.detectors.behave('a', inTurn(status(503), status(500), flags('toxic', 0.8)));
    return sync(system);
  }),
  run('stages', (system) => sync(system, { policy_bundle: 'chain' })),
  run('secondaries-rego-mapping', (system) => {
    system.detectors.behave('a', flags('toxic', 0.9)).behave('spare', flags('hate', 0.7));
    system.detectors.behave('lone', status(500));
    return sync(system, { policy_bundle: 'ruled' });
  }),
  run('partial', (system) => {
    system.detectors.behave('lone', status(500));
    return sync(system, { policy_bundle: 'partial' });
  }),
  run('failed-sync', (system) => {
    system.detectors.behave('lone', status(500));
    return sync(system, { policy_bundle: 'lone' });
  }),
  run('job', (system) => job(system)),
  run('failed-job', (system) => {
    system.detectors.behave('lone', status(500));
    return job(system, { policy_bundle: 'lone' });
  }),
  run('converted', async (system) => {
    const gate = held(rude);
    system.detectors.behave('a', gate.behavior);
    const { body } = await system.orchestrate({ content: texts[0] });
    gate.release();
    await system.ended(body.job_id!);
    return runOf(system, body.request_id);
  }),
  run('converted-failed', async (system) => (await convertedAndFailed(system)).run),
  run('cancelled', cancelled),
  run('cancelled-in-temporal', cancelledInTemporal),
  run('pool-lane', (system) => {
    system.detectors.behave('pooled', inTurn(status(503), flags('toxic', 0.8)));
    return job(system, { policy_bundle: 'pool' });
  }),
  run('pool-lane-failing', (system) => {
    system.detectors.behave('pooled', status(400));
    return job(system, { policy_bundle: 'pool' });
  }),
  {
    workflow: 'failedJob',
    name: 'converted-failed',
    play: async (system) => (await convertedAndFailed(system)).job,
  },
  { workflow: 'bulkRun', name: 'chunks', play: (system) => completedBulk(system, 600, {}) },
  { workflow: 'bulkRun', name: 'paused', play: pausedBulk },
  { workflow: 'bulkRun', name: 'cancelled', play: cancelledBulk },
  { workflow: 'bulkRun', name: 'retried', play: retriedBulk },
  { workflow: 'noticeDelivery', name: 'cancelled', play: noticeCancelled },
  { workflow: 'healthMonitor', name: 'cancelled', play: monitorCancelled },
  { workflow: 'policySimulation', name: 'completed', play: simulated },
  { workflow: 'keyRotation', name: 'completed', play: keysRotated },
  { workflow: 'tenantKeyRotation', name: 'scheduled', play: tenantKeysRotated },
  {
    workflow: 'callbackDelivery',
    name: 'retried',
    play: (system) => calledBack(system, (tries) => (tries === 1 ? 503 : 204), 'delivered'),
  },
  {
    workflow: 'callbackDelivery',
    name: 'cancelled',
    play: (system) =>
      calledBack(
        system,
        () => 503,
        'failed',
        (workflowId) => system.temporal.workflow.getHandle(workflowId).cancel(),
      ),
  },
  { workflow: 'tenantErasure', name: 'completed', play: erased },
  {
    workflow: 'tenantExport',
    name: 'completed',
    play: async (system) => {
      await sync(system);
      return operated(system, 'POST', '/tenants/demo/exports');
    },
  },
  {
    workflow: 'tenantOnboarding',
    name: 'completed',
    play: (system) => operated(system, 'POST', '/tenants/newcomer/onboarding', { name: 'A newcomer' }),
  },
  {
    workflow: 'bulkChunk',
    name: 'plans',
    play: async (system) => {
      const kinds = ['default', 'chain', 'absent', 'partial'].map((policy_bundle) => ({ policy_bundle }));
      return chunkOf(system, await completedBulk(system, 8, ...kinds));
    },
  },
  {
    workflow: 'bulkChunk',
    name: 'cancelled',
    play: async (system) => chunkOf(system, await cancelledBulk(system)),
  },
];
