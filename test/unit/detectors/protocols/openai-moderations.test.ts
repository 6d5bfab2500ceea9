import { openaiModerations } from '../../../../src/detectors/openai-moderations';
import { item } from '../adapter-support';
import { speaking, whole } from './support';

const names = [
  'harassment',
  'harassment/threatening',
  'hate',
  'hate/threatening',
  'illicit',
  'illicit/violent',
  'self-harm',
  'self-harm/intent',
  'self-harm/instructions',
  'sexual',
  'sexual/minors',
  'violence',
  'violence/graphic',
];
const byCategory = <T>(of: (name: string) => T) => Object.fromEntries(names.map((name) => [name, of(name)]));

/** The shape of omni-moderation-latest; scores are low where a category is not named. */
function result(flagged: Record<string, number>, applied: (name: string) => string[] = () => ['text']) {
  return {
    flagged: Object.keys(flagged).length > 0,
    categories: byCategory((name) => name in flagged),
    category_scores: byCategory((name) => flagged[name] ?? 0.01),
    category_applied_input_types: byCategory(applied),
  };
}
const answer = (...results: object[]) => ({ id: 'modr-1', model: 'omni-moderation-latest', results });

describe('The OpenAI moderations adapter', () => {
  const { judge, findings, unjudged, bodies, paths, itTakesNoOtherAnswer } = speaking(
    'openai-moderations',
    openaiModerations,
    '/v1/moderations',
  );

  it('sends several texts in one call', async () => {
    const answers = await judge(answer(result({}), result({ hate: 0.9, violence: 0.7 })), {
      items: [item('one', 'r1'), item('two', 'r2')],
    });
    expect(bodies()).toEqual([{ model: 'omni-moderation-latest', input: ['one', 'two'] }]);
    expect(paths()).toEqual(['/v1/moderations']);
    expect(answers).toEqual([
      { kind: 'findings', findings: [], version: null },
      { kind: 'findings', findings: [whole('hate', 0.9), whole('violence', 0.7)], version: null },
    ]);
  });

  it('goes by the decision of the service, or by thresholds of its own', async () => {
    const low = { ...result({ hate: 0.2 }) };
    expect(await findings(answer(low))).toEqual([whole('hate', 0.2)]);
    expect(await findings(answer(low), { params: { thresholds: { hate: 0.5 } } })).toEqual([]);
    const high = { ...result({}), category_scores: byCategory(() => 0.4) };
    expect(await findings(answer(high), { params: { thresholds: { illicit: 0.3 } } })).toEqual([
      whole('illicit', 0.4),
    ]);
  });

  it('leaves unjudged what was not applied to this kind of input', async () => {
    const image = 'iVBORw0KGgoAAAANSUhEUg==';
    const sent = { items: [item(image)], contentType: 'image' as const };
    const seen = ['self-harm', 'sexual', 'violence'];
    const onImage = answer(result({ violence: 0.9 }, (name) => (seen.includes(name) ? ['image'] : [])));
    expect(await unjudged(onImage, sent)).toEqual([
      { reason: 'not_applied', start: null, end: null, labels: names.filter((name) => !seen.includes(name)) },
    ]);
    expect(bodies()).toEqual([
      {
        model: 'omni-moderation-latest',
        input: [{ type: 'image_url', image_url: { url: `data:image/png;base64,${image}` } }],
      },
    ]);
    expect(await unjudged(onImage, { ...sent, params: { categories: seen } })).toBeUndefined();
  });

  it('leaves unjudged a category that is relied on and not in the answer', async () => {
    const old = answer({ flagged: false, categories: { hate: false }, category_scores: { hate: 0.1 } });
    expect(await unjudged(old)).toBeUndefined();
    expect(await unjudged(old, { params: { categories: ['hate', 'illicit'] } })).toMatchObject([
      { labels: ['illicit'] },
    ]);
    const open = answer({ ...result({}), categories: { ...result({}).categories, illicit: null } });
    expect(await unjudged(open)).toMatchObject([{ labels: ['illicit'] }]);
  });

  it('sends images one by one', async () => {
    await judge(answer(result({}, () => ['image'])), {
      items: [item('/9j/4AAQ', 'r1'), item('data:image/gif;base64,R0lGODlh', 'r2')],
      contentType: 'image',
    });
    const urls = bodies().map(
      (body) => (body as { input: { image_url: { url: string } }[] }).input[0]!.image_url.url,
    );
    expect(urls.toSorted()).toEqual(['data:image/gif;base64,R0lGODlh', 'data:image/jpeg;base64,/9j/4AAQ']);
  });

  itTakesNoOtherAnswer(
    ['too few results', answer()],
    ['too many results', answer(result({}), result({}))],
    ['a result that is flagged for nothing', answer({ ...result({}), flagged: true })],
    ['scores in words', answer({ ...result({}), category_scores: byCategory(() => 'high') })],
  );
});
