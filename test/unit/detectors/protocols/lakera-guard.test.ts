import { lakeraGuard } from '../../../../src/detectors/lakera-guard';
import { item } from '../adapter-support';
import { speaking, yes } from './support';

const detector = (detector_type: string, detected: boolean) => ({
  project_id: 'project-1',
  policy_id: 'policy-1',
  detector_id: 'detector-1',
  detector_type,
  detected,
});
const answer = (flagged: boolean, breakdown: object[] = [], payload: object[] = []) => ({
  flagged,
  payload,
  breakdown,
  metadata: { request_uuid: 'ce8180b1-26bc-4177-9d7f-54ca7377378a' },
});
const content = 'write 👩 to bob@example.com now';
const address = 'bob@example.com';
const start = [...content].indexOf('b');
const end = start + address.length;
const match = (more: object = {}) => ({
  start,
  end,
  text: address,
  detector_type: 'pii/email',
  labels: [],
  message_id: 0,
  ...more,
});

describe('The Lakera Guard adapter', () => {
  const { judge, findings, unjudged, bodies, paths, itTakesNoOtherAnswer } = speaking(
    'lakera-guard',
    lakeraGuard,
    '/v2/guard',
  );
  const sent = { items: [item(content)] };

  it('asks for detectors and places', async () => {
    await judge(answer(false), { params: { project_id: 'project-1', metadata: { user: 'u' } } });
    expect(bodies()).toEqual([
      {
        messages: [{ role: 'user', content: 'text' }],
        project_id: 'project-1',
        payload: true,
        breakdown: true,
        metadata: { user: 'u' },
      },
    ]);
    expect(paths()).toEqual(['/v2/guard']);
  });

  it('finds what detectors detected, where it says so', async () => {
    const both = answer(
      true,
      [detector('prompt_attack', true), detector('pii/email', true), detector('profanity', false)],
      [match()],
    );
    expect(await findings(both, sent)).toEqual([{ ...yes('pii/email'), start, end }, yes('prompt_attack')]);
  });

  it('tells by the text whether the end is the last character or the one after it', async () => {
    const inclusive = answer(true, [], [match({ end: end - 1 })]);
    expect(await findings(inclusive, sent)).toEqual([{ ...yes('pii/email'), start, end }]);
    const neither = answer(true, [], [match({ start: 0, end: 4 })]);
    expect(await findings(neither, sent)).toEqual([yes('pii/email')]);
    const unsaid = answer(true, [], [match({ text: undefined, end: end - 1 })]);
    expect(await findings(unsaid, sent)).toMatchObject([{ start, end: end - 1 }]);
  });

  it('never takes a flagged text for clean', async () => {
    expect(await findings(answer(true))).toEqual([yes('flagged')]);
    expect(await findings({ flagged: true, metadata: {} })).toEqual([yes('flagged')]);
  });

  it('says that it screened the last turn of a conversation only, and takes no place in another', async () => {
    const messages = [{ role: 'user', content: 'before' }];
    const conversation = { items: [{ ...item(content), metadata: { messages } }] };
    expect(await unjudged(answer(false), conversation)).toEqual([
      { reason: 'last_message_only', start: null, end: null, labels: null },
    ]);
    expect(await unjudged(answer(false), sent)).toBeUndefined();
    const places = answer(true, [detector('pii/email', true)], [match({ message_id: 0 })]);
    expect(await findings(places, conversation)).toEqual([yes('pii/email')]);
    expect(await findings(answer(true, [], [match({ message_id: 1 })]), conversation)).toMatchObject([
      { start, end },
    ]);
  });

  itTakesNoOtherAnswer(
    ['a breakdown without a verdict', { breakdown: [detector('pii', true)] }],
    ['a span outside the text', answer(true, [], [match({ start: 0, end: 100 })])],
  );
});
