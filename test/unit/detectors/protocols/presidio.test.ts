import { presidio } from '../../../../src/detectors/presidio';
import { item } from '../adapter-support';
import { speaking } from './support';

/** As presidio-analyzer 2.2.366 with spaCy's en_core_web_sm answered. */
const entity = (entity_type: string, start: number, end: number, score: number) => ({
  analysis_explanation: null,
  end,
  entity_type,
  recognition_metadata: { recognizer_identifier: 'X_1', recognizer_name: 'X' },
  score,
  start,
});

describe('The Presidio adapter', () => {
  const { judge, findings, bodies, paths, itTakesNoOtherAnswer } = speaking('presidio', presidio, '/analyze');

  it('sends a list even for one text, so that the answer is a list of lists', async () => {
    await judge([[]]);
    expect(bodies()).toEqual([{ text: ['text'], language: 'en' }]);
    expect(paths()).toEqual(['/analyze']);
  });

  it('sends several texts in one call, with what the registration says', async () => {
    const params = {
      language: 'de',
      entities: ['PERSON'],
      score_threshold: 0.4,
      allow_list: ['Bob'],
      allow_list_match: 'exact',
      context: ['name'],
    };
    const answers = await judge([[], [entity('PERSON', 0, 3, 0.85)]], {
      params,
      items: [item('one', 'r1'), item('Bob', 'r2')],
    });
    expect(bodies()).toEqual([{ ...params, text: ['one', 'Bob'] }]);
    expect(answers).toEqual([
      { kind: 'findings', findings: [], version: null },
      { kind: 'findings', findings: [{ label: 'PERSON', score: 0.85, start: 0, end: 3 }], version: null },
    ]);
  });

  it('takes its offsets for code points, as Python counts', async () => {
    const content = '👩‍🚀 e\u0301 bob@example.com';
    const start = [...content].indexOf('b');
    const end = [...content].length;
    expect(await findings([[entity('EMAIL_ADDRESS', start, end, 1)]], { items: [item(content)] })).toEqual([
      { label: 'EMAIL_ADDRESS', score: 1, start, end },
    ]);
  });

  itTakesNoOtherAnswer(
    ['the answer to a text alone', [entity('PERSON', 0, 3, 1)]],
    ['too few lists', []],
    ['too many lists', [[], []]],
    ['a span outside the text', [[entity('PERSON', 0, 5, 1)]]],
    ['a backward span', [[entity('PERSON', 2, 1, 1)]]],
    ['an entity without a name', [[entity('', 0, 1, 1)]]],
  );
});
