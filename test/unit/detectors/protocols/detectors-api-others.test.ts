import {
  detectorsApiChat,
  detectorsApiContext,
  detectorsApiGeneration,
} from '../../../../src/detectors/detectors-api';
import { item } from '../adapter-support';
import { speaking, whole } from './support';

const detection = {
  detection: 'Yes',
  detection_type: 'risk',
  score: 0.87,
  evidences: [{ name: 'reason', value: 'because', evidence: [{ name: 'more' }] }],
  metadata: { a: 1 },
};
const about = (metadata: Record<string, unknown>) => ({ ...item('the answer'), metadata });

// The detector-id names the detector to these servers, so the fake knows them by it and not by their path.
describe('The Detectors API about a chat', () => {
  const { judge, bodies, itTakesNoOtherAnswer, server } = speaking(
    'detectors-api-chat',
    detectorsApiChat,
    '/judge',
  );

  it('sends the content as the last message, what went before it, and parameters', async () => {
    const messages = [
      { role: 'system', content: 'be nice' },
      { role: 'user', content: 'the question' },
    ];
    const answers = await judge([detection], {
      params: { role: 'assistant', detector_params: { risk: 'harm' } },
      items: [about({ messages })],
    });
    expect(bodies()).toEqual([
      {
        messages: [...messages, { role: 'assistant', content: 'the answer' }],
        detector_params: { risk: 'harm' },
      },
    ]);
    expect(server.calls[0]!.headers['detector-id']).toBe('judge');
    expect(answers).toEqual([{ kind: 'findings', findings: [whole('Yes', 0.87)], version: null }]);
  });

  it('makes one call for each content', async () => {
    await judge([], { items: [item('one', 'r1'), item('two', 'r2')] });
    expect(bodies()).toEqual(
      ['one', 'two'].map((content) => ({ messages: [{ role: 'user', content }], detector_params: {} })),
    );
    expect(server.calls.map(({ headers }) => headers['idempotency-key'])).toEqual(['r1:judge', 'r2:judge']);
  });

  it('does not send messages that are none', async () => {
    await expect(judge([], { items: [about({ messages: ['hello'] })] })).rejects.toMatchObject({
      failure: 'plugin_error',
      countsForBreaker: false,
      options: { retryable: false },
    });
    expect(bodies()).toEqual([]);
  });

  itTakesNoOtherAnswer(
    ['lists per content', [[detection]]],
    ['a score in words', [{ ...detection, score: 'high' }]],
  );
});

describe('The Detectors API about a generation', () => {
  const { judge, bodies } = speaking('detectors-api-generation', detectorsApiGeneration, '/judge');

  it('sends the prompt that the caller gave beside the content', async () => {
    await judge([detection], { items: [about({ prompt: 'the question' })] });
    expect(bodies()).toEqual([{ prompt: 'the question', generated_text: 'the answer', detector_params: {} }]);
  });

  it.each([[{}], [{ prompt: '' }], [{ prompt: 7 }]])('cannot judge without: %j', async (metadata) => {
    await expect(judge([], { items: [about(metadata)] })).rejects.toMatchObject({ failure: 'plugin_error' });
    expect(bodies()).toEqual([]);
  });
});

describe('The Detectors API about a context', () => {
  const { judge, bodies } = speaking('detectors-api-context', detectorsApiContext, '/judge');

  it.each([
    [
      ['one', 'two'],
      ['one', 'two'],
    ],
    ['one', ['one']],
  ])('sends what the content is held against: %j', async (context, sent) => {
    await judge([], { params: { context_type: 'url' }, items: [about({ context })] });
    expect(bodies()).toEqual([
      { content: 'the answer', context_type: 'url', context: sent, detector_params: {} },
    ]);
  });

  it('cannot judge without', async () => {
    await expect(judge([], { items: [about({ context: [] })] })).rejects.toMatchObject({
      failure: 'plugin_error',
    });
  });
});
