import type { History } from '@temporalio/common/lib/proto-utils';
import { RunKeyDestroyedError } from '../../../src/store/key-ring';
import { eventually } from '../../support/eventually';
import { flags, held } from '../../support/fake-detectors';
import { forgetful } from '../../support/patience';
import { System } from '../../support/system';
import {
  blobsOf,
  decode,
  historyOf,
  inputOf,
  large,
  secret,
  token,
  withFreshReader,
} from './encrypted-history';

jest.setTimeout(240_000);

async function keyOf(
  system: System,
  runId: string,
): Promise<{ wrapped: Buffer | null; closed: Date | null }> {
  const { rows } = await system.db.query<{ wrapped: Buffer | null; closed: Date | null }>(
    'select wrapped_key as wrapped, closed_at as closed from run_key where run_id = $1',
    [runId],
  );
  return rows[0]!;
}

describe('the key of a run whose retention is over', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start({
      // Longer than another run takes to end and to be forgotten.
      detectors: [{ name: 'a', timeout_ms: 30_000, max_retries: 0 }],
      env: {
        ...forgetful,
        ORCHESTRATION_SECURITY__CODEC_TOKEN: token,
        ORCHESTRATION_ORCHESTRATION__CONTENT_RETENTION_MINUTES: '0',
      },
    });
  });
  afterAll(() => system?.stop());

  const destroyed = (runId: string): Promise<unknown> =>
    eventually(
      () => keyOf(system, runId),
      ({ wrapped }) => wrapped === null,
    );

  it('is destroyed by the sweeper, with the rows that hold its payloads; not while a member is unfinished [C.9]', async () => {
    const gate = held(flags('late', 0.5));
    system.detectors.behave('a', gate.behavior);
    const open = await system.orchestrate({ content: large, processing_mode: 'async' });
    await system.detectors.called('a');
    system.detectors.behave('a', flags('soon', 0.5));
    const ended = await system.orchestrate({ content: large, processing_mode: 'async' });
    const endedRun = ended.body.job_id!;
    await system.ended(endedRun);
    await destroyed(endedRun);
    expect(await blobsOf(system, endedRun)).toEqual([]);

    const openRun = open.body.job_id!;
    expect(await keyOf(system, openRun)).toMatchObject({ wrapped: expect.any(Buffer), closed: null });
    expect(await blobsOf(system, openRun)).not.toEqual([]);
    gate.release();
    expect(await system.ended(openRun)).toMatchObject({ status: 'completed' });
    await destroyed(openRun);
    expect(await blobsOf(system, openRun)).toEqual([]);
  });

  describe('once destroyed', () => {
    const jobs: { readonly id: string; readonly history: History }[] = [];
    beforeAll(async () => {
      system.detectors.reset();
      const accepted = await Promise.all(
        [secret, large].map((content) => system.orchestrate({ content, processing_mode: 'async' })),
      );
      for (const { body } of accepted) {
        const id = body.job_id!;
        await system.ended(id);
        await destroyed(id);
        jobs.push({ id, history: await historyOf(system, id) });
      }
      // A facade that never had the keys: another may keep them in memory for a minute.
      await system.startPart('api');
    });

    it('leaves a history that nobody can decode, inline or by reference', async () => {
      for (const { history } of jobs) {
        const reading = withFreshReader(system, (reader) => reader.value(inputOf(history)));
        await expect(reading).rejects.toThrow(RunKeyDestroyedError);
      }
    });

    it('makes the codec endpoint say so', async () => {
      const notice = { destroyed: 'the retention of this run is over and its key destroyed' };
      expect(
        await decode(
          system,
          jobs.map(({ history }) => inputOf(history)),
        ),
      ).toEqual({ status: 200, values: [notice, notice] });
    });

    it('makes a re-run ask for the content again', async () => {
      for (const { id } of jobs) {
        const again = { detectors: 'all', policy: 'current' };
        const { status, body } = await system.request('POST', `/orchestrate/jobs/${id}/rerun`, again);
        expect({ status, body }).toMatchObject({ status: 409, body: { detail: 'content_expired' } });
      }
    });

    it('leaves the answer to its owner', async () => {
      for (const { id } of jobs) {
        const { body } = await system.request('GET', `/orchestrate/status/${id}`);
        expect(body).toMatchObject({ status: 'completed', result: { coverage_achieved: 1 } });
      }
    });
  });
});
