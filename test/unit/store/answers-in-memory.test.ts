import { AnswersInMemory } from '../../../src/store/answers-in-memory';
import { KeptAnswer } from '../../../src/store/cached-answer';
import { eventually } from '../../support/eventually';

const least = '{"said":"","fallback_used":false,"error_code":null,"timestamp":""}';
/** Of so many bytes, or as few as it can be. */
const answerOf = (bytes: number): KeptAnswer => {
  const said = 'x'.repeat(Math.max(0, bytes - least.length));
  return KeptAnswer.of({ status: 200, body: Buffer.from(least.replace('""', `"${said}"`)) })!;
};
const bounds = { ttlMs: 1000, maxEntries: 3, maxBytes: 1000 };

describe('Answers in memory', () => {
  it('are there until their lifetime is over', async () => {
    let now = 1;
    const answers = new AnswersInMemory(bounds, () => now);
    await answers.put('key', 'acme', answerOf(1));
    now += 1000;
    expect(await answers.get('key')).toEqual(answerOf(1).answer);
    now += 1;
    // Its clock is read at most once in a real millisecond.
    await eventually(
      () => answers.get('key'),
      (answer) => answer === null,
      { everyMs: 2 },
    );
  });

  it('are not more than there may be', async () => {
    const answers = new AnswersInMemory(bounds);
    for (const key of ['1', '2', '3', '4']) await answers.put(key, 'acme', answerOf(1));
    expect(await answers.get('1')).toBeNull();
    expect(await answers.get('2')).not.toBeNull();
  });

  it('do not take up more bytes than they may', async () => {
    const answers = new AnswersInMemory(bounds);
    await answers.put('1', 'acme', answerOf(600));
    await answers.put('2', 'acme', answerOf(600));
    expect(await answers.get('1')).toBeNull();
    expect(await answers.get('2')).not.toBeNull();
    await answers.put('huge', 'acme', answerOf(1001));
    expect(await answers.get('huge')).toBeNull();
    expect(await answers.get('2')).not.toBeNull();
  });
});
