import { hfInference, tei } from '../../../../src/detectors/text-classification';
import { raw } from '../../../support/fake-detectors';
import { item } from '../adapter-support';
import { speaking, whole } from './support';

const classes = (unsafe: number) => [
  { label: 'unsafe', score: unsafe },
  { label: 'safe', score: 1 - unsafe },
];

describe('The TEI adapter', () => {
  const { server, call, judge, findings, unjudged, bodies, paths, itTakesNoOtherAnswer } = speaking(
    'tei',
    tei,
    '/predict',
  );

  it('sends every text as a list of its own: two texts in one list are a pair', async () => {
    const answers = await judge([classes(0.9), classes(0.1)], { items: [item('a', 'r1'), item('b', 'r2')] });
    expect(bodies()).toEqual([{ inputs: [['a'], ['b']], truncate: false }]);
    expect(paths()).toEqual(['/predict']);
    expect(answers).toEqual([
      { kind: 'findings', findings: [whole('unsafe', 0.9)], version: null },
      { kind: 'findings', findings: [], version: null },
    ]);
  });

  it('sends one text in the same way', async () => {
    await judge([classes(0.9)]);
    expect(bodies()).toEqual([{ inputs: [['text']], truncate: false }]);
  });

  it('finds what is not benign from the threshold on, or only what is named', async () => {
    expect(await findings([classes(0.5)])).toEqual([whole('unsafe', 0.5)]);
    expect(await findings([classes(0.5)], { params: { threshold: 0.51 } })).toEqual([]);
    expect(await findings([classes(0.2)], { params: { labels: ['safe'] } })).toEqual([whole('safe', 0.8)]);
    expect(
      await findings([[{ label: 'LABEL_0', score: 0.9 }]], { params: { benign_labels: ['LABEL_0'] } }),
    ).toEqual([]);
  });

  it('leaves the tail unjudged that a truncating server may not have read', async () => {
    const truncate = { truncate: true, truncation_direction: 'Right', max_input_tokens: 20 };
    const short = { params: truncate, items: [item('x'.repeat(18))] };
    expect(await unjudged([classes(0)], short)).toBeUndefined();
    expect(bodies()[0]).toEqual({
      inputs: [['x'.repeat(18)]],
      truncate: true,
      truncation_direction: 'Right',
    });
    const gap = [{ reason: 'truncated', start: null, end: null, labels: null }];
    expect(await unjudged([classes(0)], { ...short, items: [item('x'.repeat(19))] })).toEqual(gap);
    // A character may be several tokens.
    expect(await unjudged([classes(0)], { ...short, items: [item('👩'.repeat(5))] })).toEqual(gap);
  });

  it.each([
    [413, 'Payload too large'],
    [424, 'Inference failed'],
  ])('takes %i for a call that it rejects, never for clean', async (code, error) => {
    server.behave(
      'predict',
      raw(JSON.stringify({ error, error_type: 'validation' }), 'application/json', code),
    );
    await expect(call()).rejects.toMatchObject({ failure: 'http_4xx', failureCause: 'bad_request' });
  });

  itTakesNoOtherAnswer(
    ['the answer to a pair', classes(0.9)],
    ['too few lists', []],
    ['too many lists', [classes(0), classes(0)]],
    ['a text without classes', [[]]],
    ['the error of an overloaded model', { error: 'Model is overloaded', error_type: 'overloaded' }],
  );
});

describe('The Hugging Face inference adapter', () => {
  const { judge, findings, bodies, paths, itTakesNoOtherAnswer } = speaking('hf-inference', hfInference, '/');

  it('sends one text a call, to the endpoint itself', async () => {
    await judge([classes(0.9)], {
      params: { top_k: 5, function_to_apply: 'sigmoid' },
      items: [item('a', 'r1'), item('b', 'r2')],
    });
    const parameters = { top_k: 5, function_to_apply: 'sigmoid' };
    expect(bodies()).toEqual([
      { inputs: 'a', parameters },
      { inputs: 'b', parameters },
    ]);
    expect(paths()).toEqual(['/', '/']);
  });

  it('reads both shapes that servers send', async () => {
    expect(await findings([classes(0.9)])).toEqual([whole('unsafe', 0.9)]);
    expect(await findings(classes(0.9))).toEqual([whole('unsafe', 0.9)]);
  });

  itTakesNoOtherAnswer(
    ['nothing in a list', []],
    ['two texts', [classes(0), classes(0)]],
    ['a model that loads', { error: 'Model is currently loading', estimated_time: 20 }],
  );
});
