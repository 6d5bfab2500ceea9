import type { ErrorResponse } from '../../../src/contract/answer';
import { about, findings, held, says } from '../../support/fake-detectors';
import { System } from '../../support/system';
import { cancel, ended, jobOf } from '../core/job-support';
import { settled } from '../recovery/support';
import {
  answersOf,
  badContent,
  boarded,
  expectShared,
  installation,
  normalized,
  referenceOf,
  rude,
  undisturbed,
  wordy,
} from './support';

/** When a sync request becomes a job. */
const convertMs = 6000;

describe('A member of a shared run', () => {
  let system: System;
  let reference: Record<'default' | 'chain' | 'wordy', string[]>;

  beforeAll(async () => {
    system = await System.start({
      ...installation,
      env: {
        ...installation.env,
        ORCHESTRATION_ORCHESTRATION__SYNC_TO_ASYNC_THRESHOLD_MS: String(convertMs),
        ORCHESTRATION_ORCHESTRATION__ASYNC_REQUEST_SLA_MS: '60000',
      },
    });
    reference = {
      default: await referenceOf(system, 'default'),
      chain: await referenceOf(system, 'chain'),
      wordy: await referenceOf(system, 'wordy'),
    };
  });
  afterAll(() => system?.stop());
  beforeEach(() => undisturbed(system));

  describe('that came long before its neighbors', () => {
    it('becomes a job at its own time, and they are answered as if it were not there', async () => {
      const { bad, neighbors, release } = await withOneConverting('default');
      const converted = await bad.answer;
      expect(converted.status).toBe(202);
      release();
      const answers = await answersOf(neighbors);
      expect(answers.map(normalized)).toEqual(reference.default);
      await expectShared(system, [converted, ...answers], 5);
      expect((await ended(system, converted.body.job_id!)).status).toBe('completed');
    });

    it('and is cancelled as a job is not asked about any more; they are answered as ever', async () => {
      const { bad, neighbors, release } = await withOneConverting('chain');
      const { body } = await bad.answer;
      expect((await cancel(system, body.job_id!)).status).toBe(200);
      release();
      const answers = await answersOf(neighbors);
      expect(answers.map(normalized)).toEqual(reference.chain);
      expect((await jobOf(system, body.job_id!)).status).toBe('cancelled');
      expect(system.detectors.callsOf('next').map(({ contents }) => contents.length)).toEqual([4]);
    });
  });

  it('whose outcome the database refuses fails alone', async () => {
    await system.db.query(`
      create function refuse() returns trigger language plpgsql as
        $$ begin raise exception 'unsupported Unicode escape sequence' using errcode = '22P05'; end $$;
      create trigger refuse before insert on audit for each row
        when (new.record->>'content_length' = '${badContent.length}') execute function refuse()`);
    const { company, bad, neighbors } = await boarded(system, 'default', true);
    await company.depart();
    const answers = await answersOf(neighbors);
    const guilty = await bad!.answer;
    await system.db.query('drop function refuse cascade');
    expect(answers.map(normalized)).toEqual(reference.default);
    expect(guilty.status).toBe(500);
    expect((guilty.body as unknown as ErrorResponse).error_code).toBe('INTERNAL_ERROR');
    await expectShared(system, [guilty, ...answers], 5);
    await settled(system);
  });

  it('whose results cannot be aggregated fails alone', async () => {
    const label = (index: number) => `${index}`.padEnd(128, '🙂');
    const scores = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [label(index), 0.5]));
    for (const [index, name] of wordy.entries()) {
      const tooMuch = says({ output: `${index}${'🙃'.repeat(1023)}`, confidence: 0.9, scores });
      system.detectors.behave(name, about(badContent, tooMuch, says({ output: 'clean', confidence: 0.7 })));
    }
    const { company, bad, neighbors } = await boarded(system, 'wordy', true);
    await company.depart();
    const answers = await answersOf(neighbors);
    expect(answers.map(normalized)).toEqual(reference.wordy);
    const guilty = await bad!.answer;
    expect(guilty.status).toBe(500);
    expect((guilty.body as unknown as ErrorResponse).error_code).toBe('AGGREGATION_FAILED');
    await expectShared(system, [guilty, ...answers], 5);
  });

  it('about whom a detector says what no store takes is answered without that', async () => {
    system.detectors.behave(
      'a',
      (call, response) =>
        void response.writeHead(200, { 'content-type': 'application/json' }).end(
          JSON.stringify(
            call.contents.map((content) =>
              content === badContent
                ? [{ start: 0, end: 3, detection: 'to\0xic\ud800', score: 0.9 }]
                : content.includes('rude')
                  ? [
                      {
                        start: content.indexOf('rude'),
                        end: content.indexOf('rude') + 4,
                        detection: 'toxic',
                        score: 0.9,
                      },
                    ]
                  : [],
            ),
          ),
        ),
    );
    const { company, bad, neighbors } = await boarded(system, 'default', true);
    await company.depart();
    const answers = await answersOf(neighbors);
    expect(answers.map(normalized)).toEqual(reference.default);
    const odd = await bad!.answer;
    expect([odd.status, odd.body.detector_results[0]!.output]).toEqual([200, 'toxic']);
    await expectShared(system, [odd, ...answers], 5);
  });

  it('is answered as ever when a hung detector holds another run', async () => {
    const hung = held(findings());
    system.detectors.behave('b', about(badContent, hung.behavior, rude));
    // Metadata make it ride alone.
    const alone = system.orchestrate({ content: badContent, metadata: { alone: true } });
    await system.detectors.called('b');
    const { company, neighbors } = await boarded(system, 'default', false);
    await company.depart();
    expect((await answersOf(neighbors)).map(normalized)).toEqual(reference.default);
    hung.release();
    expect((await alone).status).toBe(200);
  });

  /** The first of them is about to become a job while the others have seconds left; a detector holds them all. */
  async function withOneConverting(bundle: 'default' | 'chain') {
    const gate = held(rude);
    system.detectors.behave('b', gate.behavior);
    const journey = await boarded(system, bundle, true, 3000);
    await journey.company.depart();
    return { ...journey, bad: journey.bad!, release: gate.release };
  }
});
