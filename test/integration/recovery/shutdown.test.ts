import { eventually } from '../../support/eventually';
import { findings } from '../../support/fake-detectors';
import { System } from '../../support/system';
import { hangingUntilSwitched, insist, repeatable, send, settled } from './support';

describe('SIGTERM', () => {
  let system: System;
  let survivor: string;
  beforeAll(async () => {
    system = await System.start();
    survivor = system.url;
  });
  afterAll(() => system?.stop());

  it('refuses what is new, answers what is under way, ends with 0 and loses nothing [18.1]', async () => {
    // Connections that clients keep open must not hold it up, or the test's time is over first.
    const leaving = await system.startPart('api', { ORCHESTRATION_SERVICE__DRAIN_SECONDS: '300' });
    const answered: string[] = [];
    let ended: Promise<number | null> | undefined;
    const clients = Array.from({ length: 4 }, async () => {
      for (;;) {
        const answer = await send(system, repeatable(system, 'sync', false));
        if (answer === null) return;
        expect([200, 202]).toContain(answer.status);
        answered.push(answer.body.request_id);
        if (answered.length >= 20) ended ??= leaving.end();
      }
    });
    await Promise.all(clients);
    expect(await ended).toBe(0);
    system.url = survivor;
    await settled(system);
    const { rows } = await system.db.query<{ request_id: string }>('select request_id from orchestration');
    expect(rows.map((row) => row.request_id).sort()).toEqual(answered.sort());
  });

  it('hands on the runs that do not end in time, whole [18.1]', async () => {
    const leaving = await system.startPart('api');
    const hanging = hangingUntilSwitched(findings());
    system.detectors.reset();
    system.detectors.behave('c', hanging.behavior);
    const job = await insist(system, repeatable(system, 'async', true));
    const waiting = send(system, repeatable(system, 'sync', true));
    await system.detectors.called('c', 2);
    const ended = leaving.end();
    await eventually(
      () => readiness(leaving.url),
      (status) => status !== 200,
    );
    const converted = await waiting;
    expect(converted?.status).toBe(202);
    hanging.switch();
    expect(await ended).toBe(0);
    system.url = survivor;
    for (const jobId of [job.body.job_id!, converted!.body.job_id!]) {
      expect(await system.ended(jobId)).toMatchObject({
        status: 'completed',
        result: { coverage_achieved: 1 },
      });
    }
    await settled(system);
  });

  async function readiness(url: string): Promise<number | null> {
    try {
      return (await fetch(`${url}/health/ready`)).status;
    } catch {
      return null;
    }
  }
});
