import { eventually } from '../../support/eventually';
import { findings, hangs } from '../../support/fake-detectors';
import { System } from '../../support/system';
import { callsAbout, hangingUntilSwitched, insist, patience, patient, repeatable, settled } from './support';

describe('a run ended from Temporal', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start({ detectors: ['a', { name: 'b', ...patient }], env: patience });
  });
  afterAll(() => system?.stop());
  beforeEach(() => system.detectors.reset());

  it('terminated: its job is run again, alone and without what was finished [9]', async () => {
    const hanging = hangingUntilSwitched(findings());
    system.detectors.behave('b', hanging.behavior);
    const { jobId, request } = await startedJob();
    await checkpointed(jobId);
    await terminate(jobId);
    hanging.switch();
    expect(await system.ended(jobId)).toMatchObject({
      status: 'completed',
      result: { coverage_achieved: 1 },
    });
    expect(callsAbout(system, request, 'a')).toHaveLength(1);
    await settled(system);
    expect((await insist(system, request)).status).toBe(200);
  });

  it('terminated again: the job fails with INTERNAL_ERROR, and its key is free', async () => {
    system.detectors.behave('b', hangs);
    const { jobId, request } = await startedJob();
    await terminate(jobId);
    const repeated = await eventually(
      () => runOf(jobId),
      (runId) => runId !== jobId,
    );
    await system.detectors.called('b', 2);
    await terminate(repeated);
    expect(await system.ended(jobId)).toMatchObject({
      status: 'failed',
      error_code: 'INTERNAL_ERROR',
      progress: 1,
    });
    await settled(system);
    system.detectors.reset();
    const afresh = await insist(system, request);
    expect(afresh.body.job_id).not.toBe(jobId);
    expect(await system.ended(afresh.body.job_id!)).toMatchObject({ status: 'completed' });
  });

  it('cancelled: the job ends as cancelled', async () => {
    system.detectors.behave('b', hangs);
    const { jobId } = await startedJob();
    await system.temporal.workflow.getHandle(jobId).cancel();
    expect(await system.ended(jobId)).toMatchObject({ status: 'cancelled' });
    await settled(system);
  });

  async function startedJob() {
    const request = repeatable(system, 'async', true);
    const { body } = await insist(system, request);
    await system.detectors.called('b');
    return { jobId: body.job_id!, request };
  }

  async function terminate(runId: string): Promise<void> {
    await system.temporal.workflow.getHandle(runId).terminate();
  }

  async function runOf(jobId: string): Promise<string> {
    const { rows } = await system.db.query<{ run_id: string }>(
      'select run_id from orchestration where job_id = $1',
      [jobId],
    );
    return rows[0]!.run_id;
  }

  async function checkpointed(jobId: string): Promise<void> {
    await eventually(
      async () => (await system.db.query('select 1 from member_result where run_id = $1', [jobId])).rowCount,
      (n) => n === 1,
    );
  }
});
