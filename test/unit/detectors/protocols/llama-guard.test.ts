import { llamaGuard } from '../../../../src/detectors/llama-guard';
import { item } from '../adapter-support';
import { speaking, whole, yes } from './support';

type Token = readonly [string, number];

/** As vLLM answers. */
function says(
  content: unknown,
  { tokens, finish_reason = 'stop' }: { tokens?: Token[]; finish_reason?: string } = {},
) {
  const logprobs = tokens && {
    content: tokens.map(([token, logprob]) => ({ token, logprob, bytes: null, top_logprobs: [] })),
  };
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    choices: [
      { index: 0, message: { role: 'assistant', content }, logprobs: logprobs ?? null, finish_reason },
    ],
    usage: { total_tokens: 200 },
  };
}

describe('The Llama Guard adapter', () => {
  const { judge, findings, bodies, paths, itTakesNoOtherAnswer } = speaking(
    'llama-guard',
    llamaGuard,
    '/v1/chat/completions',
    { model: 'meta-llama/Llama-Guard-3-8B' },
  );

  it('sends the content as the last message, at temperature 0', async () => {
    const before = [{ role: 'user', content: 'the question' }];
    await judge(says('safe'), {
      params: { role: 'assistant' },
      items: [{ ...item('the answer'), metadata: { messages: before } }],
    });
    expect(bodies()).toEqual([
      {
        model: 'meta-llama/Llama-Guard-3-8B',
        messages: [...before, { role: 'assistant', content: 'the answer' }],
        temperature: 0,
        max_tokens: 100,
        logprobs: true,
      },
    ]);
    expect(paths()).toEqual(['/v1/chat/completions']);
  });

  it('asks for no score where the server has none', async () => {
    await judge(says('safe'), { params: { logprobs: false, max_tokens: 20 } });
    expect(bodies()[0]).toMatchObject({ max_tokens: 20 });
    expect(bodies()[0]).not.toHaveProperty('logprobs');
  });

  it.each(['safe', '\n\nsafe', 'safe\n', ' safe '])('takes %j for clean', async (content) => {
    expect(await findings(says(content))).toEqual([]);
  });

  it.each([
    ['\n\nunsafe\nS1', [yes('violence')]],
    ['unsafe\nS4,S10', [yes('sexual/minors'), yes('hate')]],
    ['unsafe\n S9 , S14 \n', [yes('indiscriminate_weapons'), yes('code_interpreter_abuse')]],
    ['unsafe', [yes('unsafe')]],
    ['unsafe\nO3', [yes('O3')]],
  ])('reads %j', async (content, expected) => {
    expect(await findings(says(content))).toEqual(expected);
  });

  it('names categories as the registration does', async () => {
    expect(await findings(says('unsafe\nS1,S2'), { params: { labels: { S1: 'own' } } })).toEqual([
      yes('own'),
      yes('non_violent_crimes'),
    ]);
  });

  it.each<[string, Token[], number]>([
    ['in one token', [['unsafe', Math.log(0.8)]], 0.8],
    [
      'after line ends',
      [
        ['\n\n', -0.01],
        ['unsafe', Math.log(0.8)],
        ['\n', 0],
      ],
      0.8,
    ],
    [
      'in several',
      [
        ['un', Math.log(0.5)],
        ['safe', Math.log(0.8)],
        ['\n', 0],
      ],
      0.4,
    ],
  ])('scores the verdict by the chance of its tokens, %s', async (_how, tokens, score) => {
    const [finding] = await findings(says('unsafe\nS1', { tokens }));
    expect(finding).toMatchObject(whole('violence', expect.closeTo(score)));
    expect(finding!.strength).toBeCloseTo(score);
  });

  it('has no score where the tokens spell something else', async () => {
    expect(await findings(says('unsafe', { tokens: [['safe', -0.1]] }))).toEqual([yes('unsafe')]);
    expect(await findings(says('unsafe', { tokens: [] }))).toEqual([yes('unsafe')]);
  });

  itTakesNoOtherAnswer(
    ...[
      "I'm sorry, I can't help with that.",
      '',
      'Safe!',
      'SAFE',
      'safe\nS1',
      'unsafe\nbecause',
      'unsafe\nS1,',
      'unsafe\nS1\nS2',
      'unsafe S1',
      'safe or unsafe',
      null,
    ].map((content) => [`the text ${JSON.stringify(content)}`, says(content)] as const),
    ['a verdict that is cut off', says('unsafe\nS1,S1', { finish_reason: 'length' })],
    ['no choice', { choices: [] }],
  );
});
