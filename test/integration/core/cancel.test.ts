import { randomUUID } from 'node:crypto';
import type { ErrorResponse } from '../../../src/contract/answer';
import { searchAttributes } from '../../../src/workflows/search-attributes';
import { eventually } from '../../support/eventually';
import { findings } from '../../support/fake-detectors';
import { System } from '../../support/system';
import {
  cancel,
  deafen,
  ended,
  hearAgain,
  hold,
  jobOf,
  published,
  runOf,
  submitJob,
  untilAborted,
  workflowOf,
} from './job-support';

describe('DELETE /orchestrate/status/{job_id}', () => {
  let system: System;
  // No worker of this pool runs until a test starts one.
  const pool = `late-${randomUUID()}`;
  beforeAll(async () => {
    system = await System.start({
      detectors: ['a', 'b', { name: 'next', depends_on: ['b'] }, { name: 'pooled', pool }],
      policies: {
        'demo/default': { policy: { required_detectors: ['a', 'b', 'next'] } },
        'demo/pooled': { policy: { required_detectors: ['pooled'] } },
      },
    });
  });
  beforeEach(() => system.detectors.reset());
  afterAll(() => system?.stop());

  it('cancels in flight: the call is hung up on, nothing more is called, the status stays [9.1]', async () => {
    const hung = untilAborted();
    system.detectors.behave('b', hung.behavior);
    const jobId = await submitJob(system);
    const { progress } = await eventually(
      () => jobOf(system, jobId),
      (job) => job.progress > 0.1,
    );
    const { status, body } = await cancel(system, jobId);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      job_id: jobId,
      status: 'cancelled',
      progress,
      result: null,
      error: null,
      error_code: null,
    });
    expect(body.completed_at).not.toBeNull();
    await hung.aborted;
    await published(system, jobId);
    expect(await jobOf(system, jobId)).toEqual(body);
    expect(system.detectors.callsOf('next')).toHaveLength(0);
    const { typedSearchAttributes: attributes } = await workflowOf(system, jobId, 'COMPLETED');
    expect(attributes.get(searchAttributes.outcome)).toBe('cancelled');
  });

  it('of two at once one gets 200 and the other 409 job_not_cancellable [9.1]', async () => {
    for (let round = 0; round < 5; round++) {
      hold(system, ['a', 'b']);
      const jobId = await submitJob(system);
      const answers = await Promise.all([cancel(system, jobId), cancel(system, jobId)]);
      const [won, lost] = answers.toSorted((x, y) => x.status - y.status);
      expect([won!.status, lost!.status]).toEqual([200, 409]);
      expect(won!.body.status).toBe('cancelled');
      expect(lost!.body as unknown as ErrorResponse).toMatchObject({
        error_code: 'INVALID_REQUEST',
        detail: 'job_not_cancellable',
      });
    }
  });

  it('drops what detectors answer after it [9.1]', async () => {
    // Both run to their end in the detector, as one does that does not notice that nobody listens.
    const releases = hold(system, ['a', 'b']);
    const jobId = await submitJob(system);
    await Promise.all([system.detectors.called('a'), system.detectors.called('b')]);
    const { body } = await cancel(system, jobId);
    releases.a();
    releases.b();
    await published(system, jobId);
    expect(await jobOf(system, jobId)).toEqual(body);
    const { rowCount } = await system.db.query('select from member_result where run_id = $1', [jobId]);
    expect(rowCount).toBe(0);
  });

  it('of a job that has ended is 409, and the job stays as it was', async () => {
    const jobId = await submitJob(system);
    const job = await ended(system, jobId);
    const { status, body } = await cancel(system, jobId);
    expect([status, body]).toEqual([409, expect.objectContaining({ detail: 'job_not_cancellable' })]);
    expect(await jobOf(system, jobId)).toEqual(job);
  });

  it('of an unknown job is 404', async () => {
    const { status, body } = await cancel(system, `job-${randomUUID()}`);
    expect([status, body]).toEqual([404, expect.objectContaining({ detail: 'job_not_found' })]);
  });

  it('of a converted request cancels it alone: its run completes and no failure stands for it [9.1] [9.2]', async () => {
    const hung = untilAborted();
    system.detectors.behave('b', hung.behavior);
    const { body } = await system.orchestrate({ priority: 'critical' });
    const jobId = body.job_id!;
    expect((await cancel(system, jobId)).status).toBe(200);
    await hung.aborted;
    const run = await runOf(system, jobId);
    await published(system, run);
    await workflowOf(system, run, 'COMPLETED');
    expect((await jobOf(system, jobId)).status).toBe('cancelled');
    await expect(system.temporal.workflow.getHandle(jobId).describe()).rejects.toMatchObject({
      name: 'WorkflowNotFoundError',
    });
  });

  it('spares the others of a shared run', async () => {
    const releases = hold(system, ['b'], findings());
    const [first, second] = await Promise.all([system.orchestrate(), system.orchestrate()]);
    expect((await cancel(system, first.body.job_id!)).status).toBe(200);
    releases.b();
    expect((await ended(system, second.body.job_id!)).status).toBe('completed');
    expect((await jobOf(system, first.body.job_id!)).status).toBe('cancelled');
  });

  it('reaches a job whose message was lost: the connection is looked through again', async () => {
    const hung = untilAborted();
    system.detectors.behave('b', hung.behavior);
    const jobId = await submitJob(system);
    await system.detectors.called('b');
    // Nobody listens while the job is cancelled: the sessions that do are cut, and cannot come back.
    await deafen(system);
    expect((await cancel(system, jobId)).status).toBe(200);
    await hearAgain(system);
    await hung.aborted;
    await published(system, jobId);
    expect((await jobOf(system, jobId)).status).toBe('cancelled');
  });

  it('before it was taken up leaves no trace at a detector, and progress at 0 [9.1]', async () => {
    const jobId = await submitJob(system, { policy_bundle: 'pooled' });
    const { body } = await cancel(system, jobId);
    expect(body).toMatchObject({ status: 'cancelled', progress: 0, started_at: null });
    await system.startPart('worker', { ORCHESTRATION_WORKFLOW__POOLS: JSON.stringify([pool]) });
    await published(system, jobId);
    expect(system.detectors.callsOf('pooled')).toHaveLength(0);
    expect(await jobOf(system, jobId)).toEqual(body);
  });
});
