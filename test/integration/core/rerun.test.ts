import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { searchAttributes } from '../../../src/workflows/search-attributes';
import { eventually } from '../../support/eventually';
import { flags, held, status } from '../../support/fake-detectors';
import { type HttpAnswer, System } from '../../support/system';
import { callsAbout, ended, rerun, submitJob, workflowOf } from './job-support';

describe('POST /orchestrate/jobs/{job_id}/rerun', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start({
      policies: { 'demo/default': { policy: { required_detectors: ['a', 'b'] } } },
    });
  });
  beforeEach(() => system.detectors.reset());
  afterAll(() => system?.stop());

  /** A partial job: a has judged it toxic, b has refused. */
  async function partialJob(content: string): Promise<string> {
    system.detectors.behave('a', flags('toxic', 0.9)).behave('b', status(400));
    const jobId = await submitJob(system, { content });
    expect((await ended(system, jobId)).result!.coverage_achieved).toBe(0.5);
    system.detectors.reset();
    return jobId;
  }

  async function rerunOf(jobId: string, body: object) {
    const { status: code, body: accepted, headers } = await rerun(system, jobId, body);
    expect(code).toBe(202);
    expect(accepted.job_id).not.toBe(jobId);
    expect(headers.get('location')).toBe(`/api/v1/orchestrate/status/${accepted.job_id}`);
    expect(headers.get('retry-after')).toBe('1');
    expect(headers.get('x-request-id')).toBe(accepted.request_id);
    const job = await ended(system, accepted.job_id!);
    expect(job).toMatchObject({ status: 'completed', parent_job_id: jobId });
    return job.result!;
  }

  const outputs = (result: { detector_results: readonly { detector: string; output: string | null }[] }) =>
    result.detector_results.map(({ detector, output }) => [detector, output]);

  it('asks all again by default, under the original policy, with the content that is still kept', async () => {
    const jobId = await partialJob('to be judged from scratch');
    const result = await rerunOf(jobId, {});
    expect(outputs(result)).toEqual([
      ['a', 'clean'],
      ['b', 'clean'],
    ]);
    expect(
      callsAbout(system, 'to be judged from scratch')
        .map(({ detector }) => detector)
        .toSorted(),
    ).toEqual(['a', 'b']);
  });

  it('asks only what failed, and takes over the successes of the original', async () => {
    const jobId = await partialJob('to be judged where it was not');
    const result = await rerunOf(jobId, { detectors: 'failed' });
    expect(outputs(result)).toEqual([
      ['a', 'toxic'],
      ['b', 'clean'],
    ]);
    expect(result.coverage_achieved).toBe(1);
    expect(system.detectors.callsOf('a')).toHaveLength(0);
    expect(callsAbout(system, 'to be judged where it was not', 'b')).toHaveLength(1);
  });

  it('leaves the original as it was, and is found by its parent in Temporal', async () => {
    const jobId = await partialJob('with lineage');
    const before = await ended(system, jobId);
    const { job_id: again } = await rerunOf(jobId, { detectors: 'failed' });
    expect(await ended(system, jobId)).toEqual(before);
    const { typedSearchAttributes: attributes } = await workflowOf(system, again!, 'COMPLETED');
    expect(attributes.get(searchAttributes.parentJob)).toBe(jobId);
  });

  it('works again for what a failed job left', async () => {
    system.detectors.behave('a', status(400)).behave('b', status(400));
    const jobId = await submitJob(system);
    expect((await ended(system, jobId)).status).toBe('failed');
    system.detectors.reset();
    expect((await rerunOf(jobId, { detectors: 'failed' })).detectors_succeeded).toBe(2);
  });

  it('of a re-run names its own parent', async () => {
    const first = await partialJob('judged three times');
    const second = await rerunOf(first, {});
    expect((await rerunOf(second.job_id!, {})).job_id).not.toBe(first);
  });

  it('of a job that has not ended is 409 job_not_finished', async () => {
    const gate = held(flags('toxic', 0.9));
    system.detectors.behave('a', gate.behavior);
    const jobId = await submitJob(system);
    const { status: code, body } = await rerun(system, jobId, {});
    expect([code, body]).toEqual([409, expect.objectContaining({ detail: 'job_not_finished' })]);
    gate.release();
    await ended(system, jobId);
  });

  it('refuses other content than the one that was judged: results of two would be mixed', async () => {
    const jobId = await partialJob('the one and only');
    const { status: code, body } = await rerun(system, jobId, {
      content: 'another one',
      detectors: 'failed',
    });
    expect([code, body]).toEqual([
      409,
      expect.objectContaining({
        detail: 'content_mismatch',
        field_errors: [{ path: 'content', message: 'is not what the job was about' }],
      }),
    ]);
    expect(system.detectors.calls).toHaveLength(0);
    await rerunOf(jobId, { content: 'the one and only', detectors: 'failed' });
  });

  describe('under an Idempotency-Key', () => {
    const keyed = () => ({ 'Idempotency-Key': randomUUID() });
    const replayed = ({ headers }: HttpAnswer) => headers.get('idempotency-replayed');
    const repetitions = (content: string) => callsAbout(system, content, 'b').length;

    it('is made once, however many ask two facades at the same time [8.2] [C.5]', async () => {
      const jobId = await partialJob('repeated at once');
      const first = system.url;
      await system.startPart('api');
      const [headers, urls] = [keyed(), [first, system.url]];
      const answers = await Promise.all(
        Array.from({ length: 6 }, (_, call) => {
          system.url = urls[call % 2]!;
          return rerun(system, jobId, {}, headers);
        }),
      );
      expect(new Set(answers.map(({ body }) => body.job_id)).size).toBe(1);
      const { job_id: again } = answers[0]!.body;
      expect(await ended(system, again!)).toMatchObject({ status: 'completed', parent_job_id: jobId });
      expect(repetitions('repeated at once')).toBe(1);
      const last = await rerun(system, jobId, {}, headers);
      expect([last.status, last.body.job_id, replayed(last)]).toEqual([200, again, 'true']);
      expect(last.body.idempotency_key).toBe(headers['Idempotency-Key']);
    });

    it('is its 202 while it runs, is meant by its own id, and another body is a conflict [8.2] [C.5]', async () => {
      const jobId = await partialJob('repeated while it runs');
      const gate = held(flags('toxic', 0.9));
      system.detectors.behave('b', gate.behavior);
      const headers = keyed();
      const { body } = await rerun(system, jobId, {}, headers);
      await system.detectors.called('b');
      const again = await rerun(system, jobId, { detectors: 'all' }, headers);
      expect([again.status, again.body, replayed(again)]).toEqual([202, body, 'true']);
      const byId = await rerun(system, jobId, {}, { 'Idempotency-Key': body.job_id! });
      expect([byId.status, byId.body.job_id]).toEqual([202, body.job_id]);
      expect((await rerun(system, jobId, {}, { 'Idempotency-Key': jobId })).status).toBe(404);
      const other = await rerun(system, jobId, { detectors: 'failed' }, headers);
      expect([other.status, other.body]).toMatchObject([409, { detail: 'idempotency_conflict' }]);
      gate.release();
      await ended(system, body.job_id!);
    });

    it('that fails leaves the key free [8.2]', async () => {
      const jobId = await partialJob('repeated after a failure');
      system.detectors.behave('a', status(400)).behave('b', status(400));
      const headers = keyed();
      const { body: failed } = await rerun(system, jobId, {}, headers);
      expect((await ended(system, failed.job_id!)).status).toBe('failed');
      system.detectors.reset();
      const next = await rerun(system, jobId, {}, headers);
      expect([next.status, replayed(next)]).toEqual([202, null]);
      expect(next.body.job_id).not.toBe(failed.job_id);
      expect((await ended(system, next.body.job_id!)).status).toBe('completed');
    });

    it.each(['before_claim', 'claimed', 'started', 'ended'])(
      'survives a facade that is killed at %s: one job comes of it [8.2] [C.5]',
      async (at) => {
        const content = `repeated after a kill at ${at}`;
        const jobId = await partialJob(content);
        const survivor = system.url;
        const point = at === 'ended' ? 'started' : at;
        const doomed = await system.startPart('api', { CONCLAVE_PAUSE_AT: point });
        const headers = keyed();
        const lost = rerun(system, jobId, {}, headers).catch(() => null);
        await doomed.paused(point);
        system.url = survivor;
        // The job has ended before its caller hears that it has begun.
        if (at === 'ended') await reruns(jobId, 1);
        await doomed.kill();
        expect(await lost).toBeNull();
        const again = await eventually(
          () => rerun(system, jobId, {}, headers),
          (answer) => answer.status < 300,
        );
        expect(await ended(system, again.body.job_id!)).toMatchObject({
          status: 'completed',
          parent_job_id: jobId,
        });
        expect(await reruns(jobId, 1)).toEqual([again.body.job_id]);
        expect(repetitions(content)).toBe(1);
      },
    );

    /** Jobs that a job was run again as, when so many have ended. */
    async function reruns(jobId: string, ended: number): Promise<unknown[]> {
      const jobs = await eventually(
        async () => {
          const { rows } = await system.db.query<{ job_id: string; status: string }>(
            'select job_id, status from orchestration where parent_job_id = $1',
            [jobId],
          );
          return rows;
        },
        (rows) => rows.filter((row) => row.status === 'completed').length >= ended,
      );
      return jobs.map((job) => job.job_id);
    }
  });

  it.each([
    [{ detectors: 'some' }, 'detectors'],
    [{ policy: 'future' }, 'policy'],
    [{ content: ' ' }, 'content'],
    [{ force: true }, 'force'],
  ])('refuses %j by name', async (body, field) => {
    const jobId = await partialJob('asked for wrongly');
    const { status: code, body: error } = await rerun(system, jobId, body);
    expect([code, error]).toMatchObject([
      400,
      { error_code: 'INVALID_REQUEST', field_errors: [{ path: field }] },
    ]);
  });

  describe('when the policy has changed since', () => {
    let jobId: string;
    const content = 'judged by an older policy';
    beforeAll(async () => {
      jobId = await partialJob(content);
      const file = path.join(system.dataDir, 'policies', 'demo', 'default', 'policy.yaml');
      const policy = parse(readFileSync(file, 'utf8')) as object;
      writeFileSync(file, stringify({ ...policy, version: '2.0', required_detectors: ['a', 'c'] }));
      await system.startPart('api');
    });

    it.each([
      ['all', 'original', ['a', 'b'], ['a', 'b'], '1.0'],
      ['failed', 'original', ['b'], ['a', 'b'], '1.0'],
      ['all', 'current', ['a', 'c'], ['a', 'c'], '2.0'],
      ['failed', 'current', ['c'], ['a', 'c'], '2.0'],
    ])(
      '%s under the %s policy asks %j and answers for %j',
      async (which, policy, asked, answered, version) => {
        const result = await rerunOf(jobId, { detectors: which, policy });
        expect(
          callsAbout(system, content)
            .map(({ detector }) => detector)
            .toSorted(),
        ).toEqual(asked);
        expect(result.detector_results.map(({ detector }) => detector)).toEqual(answered);
        expect(result.routing_decision).toMatchObject({
          selected_detectors: answered,
          policy_version: version,
        });
        expect(result.detector_results[0]!.output).toBe(which === 'failed' ? 'toxic' : 'clean');
      },
    );
  });
});

describe('A re-run after the content has gone', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start({
      parts: ['worker', 'api'],
      env: { ORCHESTRATION_ORCHESTRATION__CONTENT_RETENTION_MINUTES: '0' },
    });
  });
  afterAll(() => system?.stop());

  it('is 409 and asks for content, and works again when it is sent', async () => {
    const content = 'a text that is not kept';
    const jobId = await submitJob(system, { content });
    await ended(system, jobId);
    await eventually(
      async () =>
        (await system.db.query('select from run_key where run_id = $1 and wrapped_key is null', [jobId]))
          .rowCount,
      (destroyed) => destroyed === 1,
    );
    // Who has unwrapped the key may know it for another minute; this facade never did.
    await system.startPart('api');
    const refused = await rerun(system, jobId, { detectors: 'all' });
    expect([refused.status, refused.body]).toMatchObject([
      409,
      {
        error_code: 'INVALID_REQUEST',
        detail: 'content_expired',
        message: expect.stringContaining('`content`'),
        field_errors: [{ path: 'content', message: expect.any(String) }],
      },
    ]);
    expect(callsAbout(system, content, 'a')).toHaveLength(1);

    const again = await rerun(system, jobId, { detectors: 'all', content });
    expect(again.status).toBe(202);
    expect(await ended(system, again.body.job_id!)).toMatchObject({
      status: 'completed',
      parent_job_id: jobId,
    });
    expect(callsAbout(system, content, 'a')).toHaveLength(2);
  });
});
