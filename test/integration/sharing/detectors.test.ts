import type { ErrorResponse } from '../../../src/contract/answer';
import {
  about,
  type Behavior,
  findings,
  held,
  inTurn,
  raw,
  says,
  status,
} from '../../support/fake-detectors';
import { System } from '../../support/system';
import {
  answersOf,
  badContent,
  boarded,
  expectShared,
  installation,
  mild,
  normalized,
  referenceOf,
  rude,
  undisturbed,
} from './support';

describe('A member that its detector cannot bear', () => {
  let system: System;
  const reference = new Map<string, string[]>();

  beforeAll(async () => {
    system = await System.start(installation);
    for (const bundle of ['default', 'single']) reference.set(bundle, await referenceOf(system, bundle));
  });
  afterAll(() => system?.stop());
  beforeEach(() => undisturbed(system));

  const outside = findings((content) =>
    content === badContent ? [{ start: 0, end: 999, detection: 'toxic', score: 1 }] : [],
  );

  it.each<[string, Behavior, string]>([
    ['answers 422 for the batch', status(422), 'http_4xx'],
    ['answers 500 for the batch', status(500), 'http_5xx'],
    ['answers with something else', raw('{"oops": 1}'), 'invalid_response'],
    ['answers with no JSON', raw('[[', 'application/json'), 'invalid_response'],
    ['answers with too few lists', raw('[]'), 'invalid_response'],
    ['answers with a span outside the text', outside, 'invalid_response'],
  ])('whose detector %s leaves its neighbors’ answers as they are', async (_what, behavior, token) => {
    system.detectors.behave('a', about(badContent, behavior, rude));
    const { company, bad, neighbors } = await boarded(system, 'default', true);
    await company.depart();
    const answers = await answersOf(neighbors);
    expect(answers.map(normalized)).toEqual(reference.get('default'));
    const guilty = await bad!.answer;
    expect(guilty.status).toBe(206);
    const [a, b] = guilty.body.detector_results;
    expect(a!.error).toMatch(new RegExp(`^${token}`));
    expect(b!.status).toBe('success');
    await expectShared(system, [guilty, ...answers], 5);
    // All rode in one call at first.
    expect(system.detectors.callsOf('a')[0]!.contents).toHaveLength(5);
  });

  it('is retried without its neighbors, who have their answers by then', async () => {
    const retried = held(mild);
    system.detectors.behave('single', about(badContent, inTurn(status(503), retried.behavior), mild));
    const { company, bad, neighbors } = await boarded(system, 'single', true);
    await company.depart();
    const answers = await answersOf(neighbors);
    expect(answers.map(normalized)).toEqual(reference.get('single'));
    retried.release();
    const guilty = await bad!.answer;
    expect(guilty.status).toBe(200);
    expect(guilty.body.detector_results[1]).toMatchObject({ status: 'success', metadata: { attempts: 2 } });
    await expectShared(system, [guilty, ...answers], 5);
    // Nothing is bought twice: each neighbor once, the other one as often as it was tried.
    expect(system.detectors.callsOf('single')).toHaveLength(6);
  });

  it('whose own call hangs does not keep its neighbors waiting', async () => {
    const hung = held(says({ output: 'late' }));
    system.detectors.behave('single', about(badContent, hung.behavior, mild));
    const { company, bad, neighbors } = await boarded(system, 'single', true);
    await company.depart();
    const answers = await answersOf(neighbors);
    expect(answers.map(normalized)).toEqual(reference.get('single'));
    hung.release();
    const guilty = await bad!.answer;
    expect(guilty.body.detector_results[1]).toMatchObject({ output: 'late', metadata: { attempts: 1 } });
    // The call that hung was the one that answered.
    expect(system.detectors.callsOf('single')).toHaveLength(5);
  });

  it('whose batch hangs costs its neighbors that call, and is alone in the end', async () => {
    const alone = held(rude);
    const hangsInCompany: Behavior = (call, response) =>
      call.contents.length > 1 ? undefined : alone.behavior(call, response);
    system.detectors.behave('a', about(badContent, hangsInCompany, rude));
    const { company, bad, neighbors } = await boarded(system, 'default', true);
    await company.depart();
    const answers = await answersOf(neighbors);
    const withAttempts = (answer: string) => answer.replaceAll(/"attempts":\d/g, '"attempts":0');
    expect(answers.map((answer) => withAttempts(normalized(answer)))).toEqual(
      reference.get('default')!.map(withAttempts),
    );
    alone.release();
    expect((await bad!.answer).status).toBe(200);
  });

  it('does not hide an error of the detector itself: then every member has it', async () => {
    system.detectors.behave('a', status(500));
    const { company, bad, neighbors } = await boarded(system, 'default', true);
    await company.depart();
    const answers = await answersOf([bad!, ...neighbors]);
    expect(answers.map(({ status: code }) => code)).toEqual([206, 206, 206, 206, 206]);
    for (const { body } of answers)
      expect((body as unknown as ErrorResponse).error_code).toBe('PARTIAL_COVERAGE');
    // Whole, then two halves, three times; all within eight after the first.
    expect(system.detectors.callsOf('a')[0]!.contents).toHaveLength(5);
  });
});
