import { eventually } from '../../support/eventually';
import { findings, held } from '../../support/fake-detectors';
import { System } from '../../support/system';
import { batch, loads, texts } from './support';

/** What a busy machine may add to an answer that left in time. */
const slackMs = 700;
const sla = { normal: 4000, low: 8000 } as const;
const endless = { timeout_ms: 30_000, max_retries: 0, max_batch: 256 };

describe('The time of a batch', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start({
      detectors: [
        { name: 'quick', max_batch: 256 },
        { name: 'stuck', ...endless },
        { name: 'stuck-too', ...endless },
      ],
      policies: {
        'demo/quick': { policy: { required_detectors: ['quick'] } },
        'demo/stuck': { policy: { required_detectors: ['quick', 'stuck'] } },
        'demo/stuck-too': { policy: { required_detectors: ['quick', 'stuck-too'] } },
      },
      env: {
        // Items are converted a second before their SLA, also on a machine that has other things to do.
        ORCHESTRATION_ORCHESTRATION__SYNC_REQUEST_SLA_MS: String(sla.normal),
        ORCHESTRATION_ORCHESTRATION__SYNC_TO_ASYNC_THRESHOLD_MS: String(sla.normal - 1000),
        ORCHESTRATION_ORCHESTRATION__PRIORITY_SLA_OVERRIDES__LOW: String(sla.low),
      },
    });
    // The first requests pay for what a process does once.
    await batch(system, { requests: texts(system, 20, { policy_bundle: 'quick' }) });
  });
  beforeEach(() => system.detectors.reset());
  afterAll(() => system?.stop());

  function hold(...names: string[]): () => void {
    const releases = names.map((name) => {
      const gate = held(findings());
      system.detectors.behave(name, gate.behavior);
      return gate.release;
    });
    return () => releases.forEach((release) => release());
  }

  async function timed(requests: readonly Readonly<Record<string, unknown>>[]) {
    const began = Date.now();
    const answer = await batch(system, { requests });
    return { ...answer, elapsed: Date.now() - began };
  }

  it('is its largest SLA: an item unfinished at its own conversion point is a 202, and goes on [9.2] [11.1]', async () => {
    const release = hold('stuck');
    const stuck = texts(system, 30, { policy_bundle: 'stuck' });
    const quick = texts(system, 30, { policy_bundle: 'quick' });
    const requests = stuck.flatMap((item, index) => [item, quick[index]!]);
    const answer = await timed(requests);
    expect(answer.elapsed).toBeLessThan(sla.normal + slackMs);
    expect(answer.results.map(({ http_status: code }) => code)).toEqual(
      requests.map((_item, index) => (index % 2 === 0 ? 202 : 200)),
    );
    for (const converted of answer.results.filter(({ http_status: code }) => code === 202)) {
      expect(converted).toMatchObject({ job_id: `job-${converted.request_id}`, processing_mode: 'async' });
      expect(converted.detector_results).toMatchObject([{ detector: 'quick', status: 'success' }]);
    }
    release();
    for (const { job_id: jobId } of answer.results.filter((result) => result.job_id !== null)) {
      expect(String((await system.ended(jobId!))['status'])).toBe('completed');
    }
    expect(loads(system, 'stuck', stuck)).toEqual([30]);
  });

  it('gives every item the time of its own priority', async () => {
    const release = hold('stuck');
    const normal = texts(system, 1, { policy_bundle: 'stuck' });
    const low = texts(system, 1, { policy_bundle: 'stuck', priority: 'low' });
    const answered = timed([...normal, ...low]);
    await system.detectors.called('stuck', 2);
    await eventually(
      () => system.db.query("select from orchestration where status = 'running' and job_id is not null"),
      ({ rowCount }) => rowCount === 1,
    );
    release();
    const answer = await answered;
    expect(answer.results.map(({ http_status: code }) => code)).toEqual([202, 200]);
    expect(answer.elapsed).toBeLessThan(sla.low);
  });

  it('holds for items that wait for a run behind hung ones [9.2]', async () => {
    const release = hold('stuck', 'stuck-too');
    const hung = [
      ...texts(system, 20, { policy_bundle: 'stuck' }),
      ...texts(system, 20, { policy_bundle: 'stuck-too' }),
    ];
    const behind = texts(system, 20, { policy_bundle: 'quick', priority: 'low' });
    const answer = await timed([...hung, ...behind]);
    release();
    expect(answer.results.map(({ http_status: code }) => code)).toEqual([
      ...hung.map(() => 202),
      ...behind.map(() => 200),
    ]);
    expect(answer.elapsed).toBeLessThan(sla.low + slackMs);
  });

  it('holds for items that must run alone, ten at a time at first [9.2]', async () => {
    const release = hold('stuck');
    const requests = texts(system, 40, {
      policy_bundle: 'stuck',
      priority: 'low',
      metadata: { alone: true },
    });
    const answered = timed(requests);
    await system.detectors.called('stuck', 10);
    expect(system.detectors.callsOf('stuck')).toHaveLength(10);
    const answer = await answered;
    release();
    expect(answer.accepted_requests).toBe(40);
    expect(answer.elapsed).toBeLessThan(sla.low + slackMs);
  });

  it('is enough to start a hundred jobs', async () => {
    const requests = texts(system, 100, { policy_bundle: 'quick', processing_mode: 'async' });
    const answer = await timed(requests);
    expect(answer.accepted_requests).toBe(100);
    expect(answer.elapsed).toBeLessThan(sla.normal + slackMs);
    for (const { job_id: jobId } of answer.results) {
      expect(String((await system.ended(jobId!))['status'])).toBe('completed');
    }
    expect(loads(system, 'quick', requests).toSorted((a, b) => a - b)).toEqual([20, 40, 40]);
  });
});
