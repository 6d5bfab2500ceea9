import { randomUUID } from 'node:crypto';
import { eventually } from '../../support/eventually';
import { findings, held } from '../../support/fake-detectors';
import { type Part, System } from '../../support/system';
import {
  callsAbout,
  hangingUntilSwitched,
  insist,
  patience,
  patient,
  type Repeatable,
  repeatable,
  send,
  settled,
} from './support';

const pool = `pool-${randomUUID().slice(0, 8)}`;
const servesPool = { ORCHESTRATION_WORKFLOW__POOLS: JSON.stringify([pool]) };

describe('a process killed while its run is under way', () => {
  let system: System;
  let worker: Part;
  let hanging: ReturnType<typeof hangingUntilSwitched>;

  beforeAll(async () => {
    system = await System.start({
      // b and a make the first group, c the second; pooled is called by workers of its pool.
      detectors: [
        { name: 'a', ...patient },
        { name: 'b', ...patient },
        { name: 'c', depends_on: ['a'], ...patient },
        { name: 'pooled', pool, max_retries: 0, ...patient },
      ],
      policies: {
        'demo/default': { policy: { required_detectors: ['a', 'b', 'c'] } },
        'demo/pooled': { policy: { required_detectors: ['a', 'pooled'] } },
      },
      parts: [],
      env: patience,
    });
    worker = await system.startPart('worker', servesPool);
  });
  afterAll(() => system?.stop());
  beforeEach(() => {
    system.detectors.reset();
    hanging = hangingUntilSwitched(findings());
  });

  it('first group: resumes with the detector that had not finished [9]', async () => {
    system.detectors.behave('b', hanging.behavior);
    await system.startPart('api');
    const job = repeatable(system, 'async', true);
    const accepted = await insist(system, job);
    await checkpoints(1);
    await system.detectors.called('b');
    const runner = await runnerOf(accepted.body.job_id!);
    await runner.kill();
    hanging.switch();
    await replace(runner);
    await expectCompleted(accepted.body.job_id!);
    expect(counts(job, ['a', 'b', 'c'])).toEqual([1, 2, 1]);
    expectSameKey(job, 'b');
  });

  it('second group: resumes there, even after two kills [4.6]', async () => {
    system.detectors.behave('c', hanging.behavior);
    await system.startPart('api');
    const job = repeatable(system, 'async', false);
    const accepted = await insist(system, job);
    for (const kill of [1, 2]) {
      await system.detectors.called('c', kill);
      const runner = await runnerOf(accepted.body.job_id!);
      await runner.kill();
      if (kill === 2) hanging.switch();
      await replace(runner);
    }
    await expectCompleted(accepted.body.job_id!);
    expect(counts(job, ['a', 'b', 'c'])).toEqual([1, 1, 3]);
    expectSameKey(job, 'c');
  });

  it('a sync request that became a job keeps what its detectors had said [9.2]', async () => {
    system.detectors.behave('c', hanging.behavior);
    const facade = system.facade;
    const request = repeatable(system, 'sync', true);
    const converted = await insist(system, request);
    expect(converted.status).toBe(202);
    await replaceFacade(facade);
    await expectCompleted(converted.body.job_id!);
    expect(counts(request, ['a', 'b', 'c'])).toEqual([1, 1, 2]);
    const replay = await insist(system, request);
    expect([replay.status, replay.body.job_id]).toEqual([200, converted.body.job_id]);
  });

  it('a keyed retry of a waiting sync request joins the run of the killed facade [4.6] [F.13]', async () => {
    const gate = held(findings());
    system.detectors.behave('c', gate.behavior);
    const doomed = await system.startPart('api');
    const survivor = await system.startPart('api');
    // With the SLA of a low priority there is time to kill before it becomes a job.
    const request = repeatable(system, 'sync', true, { priority: 'low' });
    system.url = doomed.url;
    const lost = send(system, request);
    await system.detectors.called('c');
    await doomed.kill();
    expect(await lost).toBeNull();
    system.url = survivor.url;
    const joined = await insist(system, request);
    expect([joined.status, joined.headers.get('idempotency-replayed')]).toEqual([202, null]);
    gate.release();
    await expectCompleted(joined.body.job_id!);
    await settled(system);
    for (const detector of ['a', 'b', 'c']) expectSameKey(request, detector);
    expect((await insist(system, request)).body.request_id).toBe(joined.body.request_id);
  });

  it('pool lane: another worker of the pool takes over, without a retry of the detector spent [9] [F.13]', async () => {
    system.detectors.behave('pooled', hanging.behavior);
    const job = repeatable(system, 'async', false, { policy_bundle: 'pooled' });
    const accepted = await insist(system, job);
    await system.detectors.called('pooled');
    await system.detectors.called('a');
    const next = await system.startPart('worker', servesPool);
    await worker.kill();
    worker = next;
    hanging.switch();
    await expectCompleted(accepted.body.job_id!);
    expect(counts(job, ['a', 'pooled'])).toEqual([1, 2]);
    expectSameKey(job, 'pooled');
  });

  it('all processes killed while jobs pend: started again, they complete every job [9]', async () => {
    system.detectors.behave('c', hanging.behavior);
    const requests = Array.from({ length: 6 }, (_, n) =>
      repeatable(system, n < 4 ? 'async' : 'sync', n % 2 === 0),
    );
    const accepted = await Promise.all(requests.map((request) => insist(system, request)));
    expect(accepted.map(({ status }) => status)).toEqual(requests.map(() => 202));
    await checkpoints(2 * requests.length);
    await Promise.all(system.parts.map((part) => part.kill()));
    hanging.switch();
    await system.startPart('api');
    worker = await system.startPart('worker', servesPool);
    await Promise.all(accepted.map(({ body }) => expectCompleted(body.job_id!)));
    for (const request of requests) {
      expect(counts(request, ['a', 'b'])).toEqual([1, 1]);
      expectSameKey(request, 'c');
    }
    await settled(system);
  });

  /** Every process takes jobs: the one that has this one in hand. */
  async function runnerOf(jobId: string): Promise<Part> {
    const { events } = await system.temporal.workflow.getHandle(jobId).fetchHistory();
    const started = events!.findLast((event) => event.workflowTaskStartedEventAttributes);
    const identity = started!.workflowTaskStartedEventAttributes!.identity!;
    return system.parts.find(({ process }) => identity.startsWith(`${process.pid}@`))!;
  }

  async function replace(killed: Part): Promise<void> {
    if (killed.kind === 'api') await system.startPart('api');
    else worker = await system.startPart('worker', servesPool);
  }

  async function replaceFacade(facade: Part): Promise<void> {
    await facade.kill();
    hanging.switch();
    await system.startPart('api');
  }

  async function expectCompleted(jobId: string): Promise<void> {
    const job = (await system.ended(jobId)) as unknown as {
      status: string;
      result: { coverage_achieved: number };
    };
    expect([job.status, job.result.coverage_achieved]).toEqual(['completed', 1]);
  }

  /** Waits until so many results of unfinished jobs are stored. */
  async function checkpoints(atLeast: number): Promise<void> {
    await eventually(
      async () => {
        const { rows } = await system.db.query<{ n: number }>(
          `select count(*)::int as n from member_result join orchestration using (request_id)
           where status in ('pending', 'running')`,
        );
        return rows[0]!.n;
      },
      (n) => n >= atLeast,
    );
  }

  function counts(request: Repeatable, detectors: readonly string[]): number[] {
    return detectors.map((detector) => callsAbout(system, request, detector).length);
  }

  function expectSameKey(request: Repeatable, detector: string): void {
    const keys = callsAbout(system, request, detector).map(({ headers }) => headers['idempotency-key']);
    expect(new Set(keys).size).toBe(1);
  }
});
