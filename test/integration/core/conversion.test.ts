import { searchAttributes } from '../../../src/workflows/search-attributes';
import { eventually } from '../../support/eventually';
import { after, findings, flags, status } from '../../support/fake-detectors';
import { type HttpAnswer, System } from '../../support/system';
import {
  callsAbout,
  ended,
  essence,
  failureTypeOf,
  hold,
  jobOf,
  published,
  runOf,
  workflowOf,
} from './job-support';

/** A sync request becomes a job after this long. */
const convertMs = 1000;
const three = ['a', 'b', 'c'] as const;
/** Each is slow for fewer than ten times: then its requests would be projected to take too long, and jobs at once. */
const racers = ['racer-1', 'racer-2', 'racer-3', 'racer-4', 'racer-5'];

interface Held {
  /** Resolves when somebody is held. */
  waits(): Promise<void>;
  release(): Promise<void>;
}

describe('A sync request over its budget', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start({
      detectors: [...three, ...racers],
      policies: {
        'demo/default': { policy: { required_detectors: [...three] } },
        ...Object.fromEntries(
          racers.map((racer) => [`demo/${racer}`, { policy: { required_detectors: [racer] } }]),
        ),
      },
      env: { ORCHESTRATION_ORCHESTRATION__SYNC_TO_ASYNC_THRESHOLD_MS: String(convertMs) },
    });
  });
  beforeEach(() => system.detectors.reset());
  afterAll(() => system?.stop());

  it('becomes a job with the results known so far; the same execution goes on, nobody is called twice [9.2]', async () => {
    system.detectors.behave('a', flags('toxic', 0.9));
    const releases = hold(system, ['b', 'c']);
    // Long enough that a has answered, on whatever machine.
    const body = system.body({ priority: 'low' });
    const answer = await system.request<HttpAnswer['body']>('POST', '/orchestrate', body);
    expect(answer.status).toBe(202);
    expect(answer.body).toMatchObject({
      job_id: `job-${answer.body.request_id}`,
      processing_mode: 'async',
      detectors_attempted: 1,
      detectors_succeeded: 1,
      aggregated_payload: null,
      coverage_achieved: 0,
      error_code: null,
    });
    expect(answer.body.detector_results).toMatchObject([{ detector: 'a', output: 'toxic' }]);
    expect(answer.headers.get('location')).toBe(`/api/v1/orchestrate/status/${answer.body.job_id}`);
    expect(answer.headers.get('retry-after')).toBe('1');

    const jobId = answer.body.job_id!;
    expect(await jobOf(system, jobId)).toMatchObject({ status: 'running', progress: 0.3 });
    releases.b();
    await eventually(
      () => jobOf(system, jobId),
      ({ progress }) => progress === 0.5,
    );
    releases.c();
    const job = await ended(system, jobId);
    expect(job).toMatchObject({
      status: 'completed',
      progress: 1,
      request_id: answer.body.request_id,
      result: { job_id: jobId, processing_mode: 'async', detectors_succeeded: 3, coverage_achieved: 1 },
    });
    for (const name of three) expect(callsAbout(system, body['content'], name)).toHaveLength(1);
    await workflowOf(system, await runOf(system, jobId), 'COMPLETED');
  });

  it('and then fails: a Failed workflow stands for the job under its id, while the run completes [9.2]', async () => {
    const releases = hold(system, three, status(400));
    const { body } = await system.orchestrate();
    const jobId = body.job_id!;
    for (const release of Object.values(releases)) release();
    expect(await ended(system, jobId)).toMatchObject({
      status: 'failed',
      error_code: 'DETECTOR_COMMUNICATION_FAILED',
      result: { detectors_failed: 3, processing_mode: 'async' },
    });
    const child = await workflowOf(system, jobId, 'FAILED');
    expect(await failureTypeOf(system, jobId)).toBe('DETECTOR_COMMUNICATION_FAILED');
    expect(child.typedSearchAttributes.get(searchAttributes.jobId)).toEqual([jobId]);
    expect(child.typedSearchAttributes.get(searchAttributes.errorCode)).toBe('DETECTOR_COMMUNICATION_FAILED');
    const run = await runOf(system, jobId);
    expect(child.parentExecution?.workflowId).toBe(run);
    await workflowOf(system, run, 'COMPLETED');
  });

  describe('racing its publication gives one truth', () => {
    it('whatever the moment at which the last detector answers [9.2]', async () => {
      const codes = new Set<number>();
      for (const [turn, racer] of racers.entries()) {
        // From well before the conversion to well after it, most densely around it.
        const delays = [
          0,
          2 * convertMs,
          ...Array.from({ length: 7 }, (_, n) => convertMs - 50 + 10 * n + 2 * turn),
        ];
        const answers = await Promise.all(delays.map((delay) => answerAfter(racer, delay)));
        for (const answer of answers) {
          codes.add(answer.status);
          await expectOneTruth(answer);
        }
      }
      expect(codes).toEqual(new Set([200, 202]));
    });

    it('when the conversion comes first, the answer is 202 and the job takes the outcome [9.2]', async () => {
      const publication = await holdInserts(200);
      const answer = await system.orchestrate();
      expect(answer.status).toBe(202);
      await publication.waits();
      expect(await jobOf(system, answer.body.job_id!)).toMatchObject({ status: 'running' });
      await publication.release();
      await expectOneTruth(answer);
    });

    it('when the publication comes first, the facade that was about to convert sends what was published [9.2]', async () => {
      const conversion = await holdInserts(202);
      const releases = hold(system, ['a']);
      const before = await outcomes();
      const answer = system.orchestrate();
      await conversion.waits();
      releases.a();
      await eventually(outcomes, (stored) => stored > before);
      await conversion.release();
      expect((await answer).status).toBe(200);
      await expectOneTruth(await answer);
    });
  });

  async function outcomes(): Promise<number> {
    const { rowCount } = await system.db.query("select from orchestration where status = 'completed'");
    return rowCount!;
  }

  async function answerAfter(racer: string, delay: number): Promise<HttpAnswer> {
    system.detectors.behave(racer, (call, response) =>
      after(Number(/\d+/.exec(call.contents[0]!)![0]), findings())(call, response),
    );
    // Metadata keep each in a run of its own, so that its detector's delay is its own.
    return system.orchestrate({
      policy_bundle: racer,
      content: `after ${delay} ms`,
      metadata: { delay },
    });
  }

  /** The answer that left and the outcome that stands are the same thing. */
  async function expectOneTruth({ status: code, body }: HttpAnswer): Promise<void> {
    const job = code === 202 ? await ended(system, body.job_id!) : null;
    const { rows } = await system.db.query(
      'select status, http_status, job_id from orchestration where request_id = $1',
      [body.request_id],
    );
    expect(rows).toEqual([{ status: 'completed', http_status: 200, job_id: job?.job_id ?? null }]);
    const audits = await system.db.query('select from audit where request_id = $1', [body.request_id]);
    expect(audits.rowCount).toBe(1);
    if (job) expect(job.result!.request_id).toBe(body.request_id);
    else expect(body).toMatchObject({ job_id: null, processing_mode: 'sync', detectors_failed: 0 });
  }

  /** Holds whoever writes an answer of this status, right before it does. */
  async function holdInserts(httpStatus: number): Promise<Held> {
    const lock = 4711;
    await system.db.query(`select pg_advisory_lock(${lock})`);
    await system.db.query(`
      create function hold() returns trigger language plpgsql as
        $$ begin perform pg_advisory_xact_lock_shared(${lock}); return new; end $$;
      create trigger hold before insert on orchestration
        for each row when (new.http_status = ${httpStatus}) execute function hold()`);
    return {
      waits: async () => {
        await eventually(
          async () =>
            (
              await system.db.query(
                `select from pg_locks where locktype = 'advisory' and objid = ${lock} and not granted`,
              )
            ).rowCount,
          (waiters) => waiters === 1,
        );
      },
      release: async () => {
        await system.db.query(`select pg_advisory_unlock(${lock})`);
        await system.db.query('drop function hold cascade');
      },
    };
  }

  it('is not shared with what others sent: each result is about its own content', async () => {
    system.detectors.behave(
      'a',
      findings((content) =>
        content.includes('bad') ? [{ start: 0, end: 3, detection: 'toxic', score: 1 }] : [],
      ),
    );
    const releases = hold(system, ['b']);
    const [bad, good] = await Promise.all([
      system.orchestrate({ content: 'bad words' }),
      system.orchestrate({ content: 'kind words' }),
    ]);
    expect([bad.status, good.status]).toEqual([202, 202]);
    releases.b();
    const [badJob, goodJob] = [await ended(system, bad.body.job_id!), await ended(system, good.body.job_id!)];
    expect(essence(badJob.result!)).toMatchObject({
      results: [
        ['a', 'success', 'toxic'],
        ['b', 'success', 'clean'],
        ['c', 'success', 'clean'],
      ],
    });
    expect(essence(goodJob.result!)).toMatchObject({
      results: [
        ['a', 'success', 'clean'],
        ['b', 'success', 'clean'],
        ['c', 'success', 'clean'],
      ],
    });
    await published(system, await runOf(system, bad.body.job_id!));
  });
});
