import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { KeyRotation, KeyRotationPlan, KeyStatus } from '../../../src/contract/keys-api';
import { conclave } from '../../support/conclave-command';
import { eventually } from '../../support/eventually';
import { type Part, System } from '../../support/system';

const rotations = '/keys/rotations';
const patient = { withinMs: 120_000 };

interface StoredKey {
  readonly tenant_id: string;
  readonly wrapped_key: Buffer;
  readonly master_key_id: string;
  readonly previous_wrapped_key: Buffer | null;
}

async function storedKeys(system: System): Promise<StoredKey[]> {
  const { rows } = await system.db.query<StoredKey>('select * from tenant_key order by tenant_id, version');
  return rows;
}

async function statusOf(system: System): Promise<KeyStatus> {
  return (await system.request<KeyStatus>('GET', '/keys')).body;
}

function ended(system: System, id: string): Promise<KeyRotation> {
  return eventually(
    async () => (await system.request<KeyRotation>('GET', `${rotations}/${id}`)).body,
    ({ status }) => status !== 'running',
    patient,
  );
}

async function begin(system: System, asked: object = {}): Promise<KeyRotation> {
  const { status, body } = await system.request<KeyRotation>('POST', rotations, asked);
  expect(status).toBe(202);
  return body;
}

async function judged(system: System): Promise<string> {
  const { body } = await system.orchestrate({ processing_mode: 'async' });
  await system.ended(body.job_id!);
  return body.job_id!;
}

const answerOf = async (system: System, job: string): Promise<unknown> =>
  (await system.request('GET', `/orchestrate/status/${job}`)).body;

/** Asks one after the other until it is told to stop. @returns the statuses */
function load(system: System): () => Promise<number[]> {
  const statuses: number[] = [];
  let going = true;
  const callers = Array.from({ length: 4 }, async () => {
    while (going) statuses.push((await system.orchestrate()).status);
  });
  return async () => {
    going = false;
    await Promise.all(callers);
    return statuses;
  };
}

describe('A rotation of the master key', () => {
  let system: System;
  const keyFile = (): string => path.join(system.dataDir, 'keys', 'master.key');
  const worker = (): Part => system.parts.findLast(({ kind }) => kind === 'worker')!;
  beforeAll(async () => {
    system = await System.start({
      env: { ORCHESTRATION_ORCHESTRATION__DEFAULT_RATE_LIMIT_PER_MINUTE: '1000000' },
    });
  });
  afterAll(() => system?.stop());

  it('is told beforehand in a dry run, which changes nothing', async () => {
    await judged(system);
    const before = await storedKeys(system);
    const text = readFileSync(keyFile(), 'utf8');
    const { status, body } = await system.request<KeyRotationPlan>('POST', rotations, { dry_run: true });
    expect(status).toBe(200);
    expect(body).toEqual({
      dry_run: true,
      kind: 'master_key',
      tenant_id: null,
      from: before[0]!.master_key_id,
      to: null,
      keys_total: before.length,
      waiting_for: [],
    });
    expect([await storedKeys(system), readFileSync(keyFile(), 'utf8')]).toEqual([before, text]);
  });

  it('has another wrap every key, under load with no failed request; then the old one is needed no more [platform 21.2]', async () => {
    const job = await judged(system);
    const answer = await answerOf(system, job);
    const before = await storedKeys(system);
    const old = before[0]!.master_key_id;
    const stop = load(system);
    const rotation = await ended(system, (await begin(system)).rotation_id);
    const statuses = await stop();
    expect(rotation).toMatchObject({ status: 'completed', from: old, error: null, keys_done: before.length });
    expect(statuses.length).toBeGreaterThan(0);
    // A slow machine makes jobs of some.
    expect(statuses.filter((status) => status !== 200 && status !== 202)).toEqual([]);

    const after = await storedKeys(system);
    expect(new Set(after.map((row) => row.master_key_id))).toEqual(new Set([rotation.to]));
    expect(after.every((row) => row.previous_wrapped_key === null)).toBe(true);
    expect(after.some((row) => before.some((one) => one.wrapped_key.equals(row.wrapped_key)))).toBe(false);
    const { master_keys: masters, processes } = await statusOf(system);
    expect(masters).toMatchObject([
      { key_id: rotation.to, state: 'in_use', wraps: after.length },
      { key_id: old, state: 'overlapping', wraps: 0 },
    ]);
    expect(processes.map((one) => one.key_ids.includes(rotation.to!))).toEqual([true, true]);

    const both = readFileSync(keyFile(), 'utf8');
    writeFileSync(keyFile(), `${both.trim().split('\n').at(-1)}\n`);
    await system.startPart('api');
    expect(await answerOf(system, job)).toEqual(answer);
    expect((await system.orchestrate()).status).toBeLessThan(300);
  });

  it('goes on when its worker is killed, and is undone when a key cannot be verified [platform 21.2]', async () => {
    const job = await judged(system);
    const answer = await answerOf(system, job);
    await worker().end();
    const paused = await system.startPart('worker', { CONCLAVE_PAUSE_AT: 'rewrapped' });
    const before = await storedKeys(system);
    const { rotation_id: id, from } = await begin(system);
    await paused.paused('rewrapped');
    await system.db.query(`update tenant_key set wrapped_key = $1 where tenant_id = 'demo'`, [
      randomBytes(60),
    ]);
    await paused.kill();
    await system.startPart('worker');

    const rotation = await ended(system, id);
    expect(rotation).toMatchObject({ status: 'restored', from, keys_done: 0 });
    expect(rotation.error).toBe('version 1 of the key of tenant demo cannot be opened');
    expect(await storedKeys(system)).toEqual(before);
    expect((await statusOf(system)).master_keys[0]).toMatchObject({ key_id: from, state: 'in_use' });
    await system.startPart('api');
    expect(await answerOf(system, job)).toEqual(answer);
    const { rows } = await system.db.query<{ record: { what: string } }>(
      `select record from audit where kind = 'key_change' order by sequence`,
    );
    expect(rows.map(({ record }) => record.what)).toEqual([
      'master_key_rotation_completed',
      'master_key_rotation_restored',
    ]);
  });

  it('of a tenant’s key is used at once, and what was sealed before stays readable [platform 21.2]', async () => {
    const job = await judged(system);
    const answer = await answerOf(system, job);
    const { status, from, to } = await begin(system, { tenant_id: 'demo' });
    expect([status, from, to]).toEqual(['completed', '1', '2']);
    const fresh = await judged(system);
    const { rows } = await system.db.query<{ answer: Buffer }>(
      'select answer from orchestration where job_id = $1',
      [fresh],
    );
    expect(rows[0]!.answer.readUInt32BE(4)).toBe(2);
    await system.startPart('api');
    expect(await answerOf(system, job)).toEqual(answer);
  });

  it('is begun, looked at and looked back on by command', async () => {
    const env = { ORCHESTRATION_CONFIG_PATH: path.join(system.dataDir, 'settings.yaml') };
    const keys = (...args: string[]) => conclave(['keys', ...args, '--url', system.url, '--json'], env);
    const rotated = await keys('rotate');
    expect([rotated.code, rotated.stderr]).toEqual([0, '']);
    const rotation = JSON.parse(rotated.stdout) as KeyRotation;
    expect(rotation.status).toBe('completed');
    const status = JSON.parse((await keys('status')).stdout) as KeyStatus;
    expect(status.master_keys[0]!.key_id).toBe(rotation.to);
    const history = JSON.parse((await keys('history')).stdout) as KeyRotation[];
    expect(history.map((one) => one.status)).toEqual(['completed', 'completed', 'restored', 'completed']);
    expect((await keys('rotate', '--of-tenant', 'nobody')).code).toBe(1);
    const files = readFileSync(keyFile(), 'utf8').trim().split('\n');
    for (const shown of [rotated, await keys('status'), await keys('history')])
      expect(files.some((key) => shown.stdout.includes(key))).toBe(false);
  });

  it.each([
    ['change_claimed', { tenant_id: 'demo' }],
    ['change_made', { tenant_id: 'demo' }],
    ['change_kept', { tenant_id: 'demo' }],
    ['change_committed', { tenant_id: 'demo' }],
    ['rotation_recorded', {}],
    ['rotation_recorded', { kind: 'tenant_keys' }],
  ])('under an Idempotency-Key is one, though the facade is killed at %s [8.2] [C.5]', async (at, asked) => {
    await judged(system);
    const survivor = system.url;
    const doomed = await system.startPart('api', { CONCLAVE_PAUSE_AT: at });
    const count = async () =>
      Number((await system.db.query('select from key_rotation where part_of is null')).rowCount);
    const before = await count();
    const headers = { 'Idempotency-Key': randomUUID() };
    const call = () => system.request<KeyRotation>('POST', rotations, asked, headers);
    const lost = call().catch(() => null);
    await doomed.paused(at);
    system.url = survivor;
    await doomed.kill();
    expect(await lost).toBeNull();
    const answer = await call();
    const isKept = ['change_committed', 'rotation_recorded'].includes(at);
    expect([answer.status, answer.headers.get('idempotency-replayed')]).toEqual([
      202,
      isKept ? 'true' : null,
    ]);
    expect(await ended(system, answer.body.rotation_id)).toMatchObject({ status: 'completed' });
    const again = await call();
    expect([again.status, again.text]).toEqual([202, answer.text]);
    expect(await count()).toBe(before + 1);
    const other = await system.request('POST', rotations, { ...asked, dry_run: true }, headers);
    expect(other.status).toBe(409);
    expect((await system.orchestrate()).status).toBeLessThan(300);
  });
});

describe('A rotation to a key that is given', () => {
  it('waits for one, and for every process to hold it', async () => {
    const [first, second] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')];
    const system = await System.start({ env: { ORCHESTRATION_SECURITY__MASTER_KEY: first } });
    try {
      const refused = await system.request<{ detail: string }>('POST', rotations, {});
      expect([refused.status, refused.body.detail]).toEqual([409, 'no_new_key']);
      const env = { ORCHESTRATION_SECURITY__MASTER_KEY: `${first},${second}` };
      const [oldFacade, oldWorker] = system.parts;
      await system.startPart('api', env);
      const plan = await system.request<KeyRotationPlan>('POST', rotations, { dry_run: true });
      expect(plan.body.waiting_for).toHaveLength(2);
      await system.startPart('worker', env);
      const { rotation_id: id } = await begin(system);
      await oldWorker!.end();
      await oldFacade!.end();
      expect(await ended(system, id)).toMatchObject({ status: 'completed', to: plan.body.to });
    } finally {
      await system.stop();
    }
  });
});
