import path from 'node:path';
import { ScheduleOverlapPolicy } from '@temporalio/client';
import type { KeyRotation, KeyRotationList, KeyRotationPlan } from '../../../src/contract/keys-api';
import { noticeSchema } from '../../../src/contract/notices';
import { conclave } from '../../support/conclave-command';
import { eventually } from '../../support/eventually';
import { spoilNewKeys } from '../../support/spoilt-keys';
import { type Part, System } from '../../support/system';

const rotations = '/keys/rotations';
const patient = { withinMs: 120_000 };
const tenants = ['acme', 'demo', 'umbrella'];
const setting = 'ORCHESTRATION_SECURITY__KEY_ROTATION_SCHEDULE';

describe('All tenants’ keys', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start({
      policies: Object.fromEntries(tenants.map((tenant) => [`${tenant}/default`, { policy: {} }])),
      env: {
        ORCHESTRATION_ORCHESTRATION__DEFAULT_RATE_LIMIT_PER_MINUTE: '1000000',
        ORCHESTRATION_NOTIFICATIONS__RECIPIENTS: '[{"webhooks": ["http://127.0.0.1:9/"]}]',
      },
    });
    for (const tenant_id of tenants) await judged(tenant_id);
  });
  afterAll(() => system?.stop());

  const worker = (): Part => system.parts.findLast(({ kind }) => kind === 'worker')!;
  const schedule = () => system.temporal.schedule.getHandle(`${system.taskQueue}-key-rotation`);

  /** As the server has it: null when it has none. */
  async function scheduled() {
    const { workflowService } = system.temporal.connection;
    const { scheduleId } = schedule();
    const found = await workflowService
      .describeSchedule({ namespace: 'default', scheduleId })
      .catch((error: unknown) =>
        (error as { code?: number }).code === 5 ? null : Promise.reject(error as Error),
      );
    return (
      found && {
        overlap: found.schedule?.policies?.overlapPolicy,
        isPaused: found.schedule?.state?.paused === true,
        started: (found.info?.recentActions ?? []).map((action) => action.startWorkflowResult!.workflowId!),
        skipped: Number(found.info?.overlapSkipped),
        times: (found.info?.futureActionTimes ?? []).map(({ seconds }) => new Date(Number(seconds) * 1000)),
      }
    );
  }

  async function versions(): Promise<Record<string, number>> {
    const { rows } = await system.db.query<{ tenant_id: string; versions: number }>(
      `select tenant_id, count(*)::int as versions from tenant_key where tenant_id <> '*' group by tenant_id`,
    );
    return Object.fromEntries(rows.map((row) => [row.tenant_id, row.versions]));
  }

  async function judged(tenant_id: string): Promise<string> {
    const { body } = await system.orchestrate({ tenant_id, processing_mode: 'async' });
    await eventually(
      async () => (await answer(tenant_id, body.job_id!)).status,
      (status) => status === 'completed',
      patient,
    );
    return body.job_id!;
  }

  const answer = async (tenant: string, job: string) =>
    (
      await system.request<{ status: string }>('GET', `/orchestrate/status/${job}`, undefined, {
        'x-tenant-id': tenant,
      })
    ).body;

  /** Asks for one after the other until it is told to stop. @returns the statuses */
  function load(): () => Promise<number[]> {
    const statuses: number[] = [];
    let going = true;
    const callers = tenants.map(async (tenant_id) => {
      while (going) statuses.push((await system.orchestrate({ tenant_id })).status);
    });
    return async () => {
      going = false;
      await Promise.all(callers);
      return statuses;
    };
  }

  const list = async (query = '') =>
    (await system.request<KeyRotationList>('GET', `${rotations}${query}`)).body.rotations;
  const ended = (id: string): Promise<KeyRotation> =>
    eventually(
      async () => (await system.request<KeyRotation>('GET', `${rotations}/${id}`)).body,
      ({ status }) => status !== 'running',
      patient,
    );
  async function told(): Promise<string[]> {
    const { rows } = await system.db.query<{ notice: unknown }>('select notice from notice');
    return rows.flatMap(({ notice }) =>
      noticeSchema.parse(notice).happened.map(({ event, tenant_id }) => `${event} ${tenant_id}`),
    );
  }

  it('are to be rotated every half year, one rotation at a time, unless the settings say otherwise', async () => {
    const known = await eventually(scheduled, (found) => found !== null);
    expect(known!.overlap).toBe(1);
    expect(known!.times.map((time) => time.toISOString().slice(4, 16))).toEqual(
      expect.arrayContaining(['-01-01T05:00', '-07-01T05:00']),
    );
    expect(known!.times.every((time) => /-0[17]-01T05:00/.test(time.toISOString()))).toBe(true);

    await schedule().pause();
    await worker().end();
    await system.startPart('worker', { [setting]: '30 4 * * 0' });
    const changed = await eventually(scheduled, (found) => found?.times[0]?.getUTCMinutes() === 30);
    expect(changed!.isPaused).toBe(true);
    expect(changed!.times.every((time) => time.getUTCDay() === 0 && time.getUTCHours() === 4)).toBe(true);

    await worker().end();
    await system.startPart('worker', { [setting]: 'null' });
    await eventually(scheduled, (found) => found === null);
    await worker().end();
    await system.startPart('worker');
    await eventually(scheduled, (found) => found !== null);
  });

  it('are told of beforehand in a dry run, which changes nothing', async () => {
    const before = await versions();
    const asked = { kind: 'tenant_keys', dry_run: true };
    const { status, body } = await system.request<KeyRotationPlan>('POST', rotations, asked);
    expect(status).toBe(200);
    expect(body).toEqual({
      ...asked,
      tenant_id: null,
      from: null,
      to: null,
      keys_total: tenants.length,
      waiting_for: [],
    });
    expect([await versions(), await list()]).toEqual([before, []]);
  });

  it('are rotated by the schedule under load with no failed request, go on when the worker is killed, and stay as they were where they cannot be verified [platform 21.2]', async () => {
    const jobs = new Map(
      await Promise.all(tenants.map(async (tenant) => [tenant, await judged(tenant)] as const)),
    );
    const answers = await Promise.all([...jobs].map(([tenant, job]) => answer(tenant, job)));
    await worker().end();
    const paused = await system.startPart('worker', { CONCLAVE_PAUSE_AT: 'tenant_key_rotated' });
    const mend = await spoilNewKeys((text) => system.db.query(text), 'demo');
    const stop = load();

    await schedule().trigger(ScheduleOverlapPolicy.SKIP);
    await paused.paused('tenant_key_rotated');
    await schedule().trigger(ScheduleOverlapPolicy.SKIP);
    await eventually(scheduled, (found) => found!.skipped === 1);
    expect(await versions()).toEqual({ acme: 2, demo: 1, umbrella: 1 });
    await paused.kill();
    await system.startPart('worker');
    const [begun] = await list();
    const rotation = await ended(begun!.rotation_id);
    const statuses = await stop();
    await mend();

    expect(rotation).toMatchObject({
      kind: 'tenant_keys',
      status: 'incomplete',
      ...{ keys_total: 3, keys_done: 2, started_by: 'schedule' },
      error: 'the keys of 1 of 3 tenants could not be verified',
    });
    expect(statuses.length).toBeGreaterThan(0);
    // A slow machine makes jobs of some.
    expect(statuses.filter((status) => status !== 200 && status !== 202)).toEqual([]);
    expect(await versions()).toEqual({ acme: 2, demo: 1, umbrella: 2 });
    const parts = await list(`?part_of=${rotation.rotation_id}`);
    expect(parts.map((part) => [part.tenant_id, part.status, part.from, part.to, part.error])).toEqual([
      ['demo', 'restored', '1', '2', 'version 2 of the key of tenant demo cannot be opened'],
      ['umbrella', 'completed', '1', '2', null],
      ['acme', 'completed', '1', '2', null],
    ]);
    expect((await told()).toSorted()).toEqual(['key_rotation_failed demo', 'key_rotation_failed null']);
    const { rows } = await system.db.query<{ tenant_id: string; what: string }>(
      `select tenant_id, record ->> 'what' as what from audit
       where kind = 'key_change' and request_id = $1 order by tenant_id`,
      [rotation.rotation_id],
    );
    expect(rows.map((row) => [row.tenant_id, row.what])).toEqual([
      ['*', 'tenant_keys_rotation_incomplete'],
      ['acme', 'tenant_key_rotated'],
      ['demo', 'tenant_key_rotation_restored'],
      ['umbrella', 'tenant_key_rotated'],
    ]);
    await system.startPart('api');
    expect(await Promise.all([...jobs].map(([tenant, job]) => answer(tenant, job)))).toEqual(answers);
  });

  it('are rotated once while a rotation of them is under way, whoever asks, and not at all when it is cancelled', async () => {
    await worker().end();
    const paused = await system.startPart('worker', { CONCLAVE_PAUSE_AT: 'tenant_key_rotated' });
    const { body } = await system.request<KeyRotation>('POST', rotations, { kind: 'tenant_keys' });
    await paused.paused('tenant_key_rotated');
    const before = (await scheduled())!.started.length;
    await schedule().trigger();
    const { started } = (await eventually(scheduled, (found) => found!.started.length > before))!;
    await eventually(
      () => system.temporal.workflow.getHandle(started.at(-1)!).describe(),
      ({ status }) => status.name === 'COMPLETED',
    );
    const again = await system.request<KeyRotation>('POST', rotations, { kind: 'tenant_keys' });
    expect([again.status, again.body.rotation_id]).toEqual([202, body.rotation_id]);
    await system.temporal.workflow.getHandle(body.workflow_id!).cancel();
    await paused.kill();
    await system.startPart('worker');
    expect(await ended(body.rotation_id)).toMatchObject({
      status: 'incomplete',
      error: 'it was cancelled',
      keys_done: 1,
    });
    expect(await versions()).toEqual({ acme: 3, demo: 1, umbrella: 2 });
    expect(await list()).toHaveLength(2);
  });

  it('are rotated, and looked back on, by command', async () => {
    const env = { ORCHESTRATION_CONFIG_PATH: path.join(system.dataDir, 'settings.yaml') };
    const keys = (...args: string[]) => conclave(['keys', ...args, '--url', system.url, '--json'], env);
    const rotated = await keys('rotate', '--all-tenants');
    expect([rotated.code, rotated.stderr]).toEqual([0, '']);
    const rotation = JSON.parse(rotated.stdout) as KeyRotation;
    expect(rotation).toMatchObject({ kind: 'tenant_keys', status: 'completed', keys_done: 3, error: null });
    const parts = JSON.parse(
      (await keys('history', '--of-rotation', rotation.rotation_id)).stdout,
    ) as KeyRotation[];
    expect(parts.map(({ tenant_id, to }) => `${tenant_id} ${to}`).toSorted()).toEqual([
      'acme 4',
      'demo 2',
      'umbrella 3',
    ]);
    expect((await keys('rotate', '--all-tenants', '--of-tenant', 'demo')).code).not.toBe(0);
  });
});
