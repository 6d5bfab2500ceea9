import type { CallbackState } from '../../../src/contract/callback-state';
import { ended, until, upload } from '../bulk/support';
import { submitJob } from '../core/job-support';
import { eventually } from '../../support/eventually';
import { System } from '../../support/system';
import { calledBack, options, Receiver } from './support';

/** An attempt that died with its worker is repeated 20 s after it began. */
const withinMs = 90_000;
const patienceMs = 180_000;

describe('A worker killed with kill -9 while it calls back', () => {
  let system: System;
  const receiver = new Receiver();
  beforeAll(async () => {
    await receiver.listen();
    system = await System.start({ ...options, parts: ['api'] });
  });
  beforeEach(() => {
    receiver.reset();
    receiver.answer(204);
  });
  afterEach(async () => {
    for (const part of system.parts) if (part.kind === 'worker') await part.kill();
  });
  afterAll(async () => {
    await system?.stop();
    receiver.close();
  });

  it.each([
    { at: 'callback_taken', why: 'a delivery is its own, and nobody else knows', told: [0, 1], attempts: 1 },
    { at: 'callback_started', why: 'the workflow of a delivery has begun', told: [0, 1], attempts: 1 },
    { at: 'calling_back', why: 'an attempt is recorded, and not made', told: [0, 1], attempts: 2 },
    { at: 'called_back', why: 'the receiver knows, and the store does not', told: [1, 2], attempts: 2 },
    { at: 'callback_settled', why: 'the store knows, and the engine does not', told: [1, 1], attempts: 1 },
  ])(
    'at $at, when $why: told at least once, under one id [9.1]',
    async ({ at, told: [before, after], attempts }) => {
      const doomed = await system.startPart('worker', { CONCLAVE_PAUSE_AT: at });
      const jobId = await submitJob(system, { metadata: { callback_url: receiver.url } });
      await doomed.paused(at);
      await doomed.kill();
      expect(receiver.about(jobId)).toHaveLength(before!);
      await forgetWhoTook(jobId);
      await system.startPart('worker');
      const state = await calledBack(system, jobId, 'delivered', withinMs);
      expect(state.attempts).toBe(attempts);
      await deliveryEnded(jobId);
      const bodies = receiver.about(jobId).map(({ body }) => body);
      expect(bodies).toHaveLength(after!);
      for (const body of bodies) expect(body).toEqual(bodies[0]);
      expect(receiver.seen).toHaveLength(bodies.length);
    },
    patienceMs,
  );

  it(
    'counts the attempt that died with it: there are no more than there may be [9.1]',
    async () => {
      receiver.answer(500);
      const doomed = await system.startPart('worker', { CONCLAVE_PAUSE_AT: 'called_back' });
      const jobId = await submitJob(system, { metadata: { callback_url: receiver.url } });
      await doomed.paused('called_back');
      await doomed.kill();
      await system.startPart('worker');
      const state: CallbackState = await calledBack(system, jobId, 'failed', withinMs);
      expect(state).toMatchObject({ attempts: 4, error: 'http_status', http_status: 500 });
      expect(receiver.about(jobId)).toHaveLength(4);
    },
    patienceMs,
  );

  it(
    'for a bulk job: told at least once, under one id [9.1]',
    async () => {
      const doomed = await system.startPart('worker', { CONCLAVE_PAUSE_AT: 'called_back' });
      const { body } = await upload(system, [{}], { 'x-callback-url': receiver.url });
      await doomed.paused('called_back');
      await doomed.kill();
      await system.startPart('worker');
      await until(system, body.bulk_id, ({ callback }) => callback?.status === 'delivered');
      const told = receiver.aboutBulk(body.bulk_id);
      expect(told.map((each) => each.body)).toEqual([told[0]!.body, told[0]!.body]);
      expect((await ended(system, body.bulk_id)).callback).toMatchObject({ attempts: 2, error: null });
    },
    patienceMs,
  );

  /** What was taken and not delivered is due again after two minutes: here they are over. */
  async function forgetWhoTook(jobId: string): Promise<void> {
    await system.db.query('update callback set look_at = now() where callback_id = $1', [jobId]);
  }

  async function deliveryEnded(jobId: string): Promise<void> {
    const handle = system.temporal.workflow.getHandle(`callback-${jobId}`);
    await eventually(
      () => handle.describe(),
      ({ status }) => status.name === 'COMPLETED',
      { withinMs },
    );
  }
});
