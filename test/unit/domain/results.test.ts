import { detectorResultSchema } from '../../../src/contract/detector-result';
import { detectorErrors } from '../../../src/contract/enums';
import {
  errorToken,
  inPlanOrder,
  resultWithoutAnswer,
  skippedResults,
  successesOf,
} from '../../../src/domain/results';
import { planOf, planned, success } from './support';

describe('resultWithoutAnswer', () => {
  const pairs = Object.entries(detectorErrors).flatMap(([status, tokens]) =>
    tokens.map((token) => [token, status] as const),
  );

  it.each(pairs)('%s is %s', (token, status) => {
    const result = resultWithoutAnswer('a', token, 7);
    expect(detectorResultSchema.parse(result)).toEqual(result);
    expect(result).toMatchObject({
      detector: 'a',
      status,
      error: token,
      output: null,
      processing_time_ms: 7,
    });
    expect(errorToken(result)).toBe(token);
  });
});

describe('plan order', () => {
  const plan = planOf([planned('b'), planned('a'), planned('s', { role: 'secondary' })], {
    skipped: [
      { detector: 'x', reason: 'excluded_by_request' },
      { detector: 'y', reason: 'not_registered' },
    ],
  });

  it('is primaries, secondaries, skipped', () => {
    const results = [
      ...skippedResults(plan),
      success('s', 'clean'),
      success('a', 'clean'),
      success('b', 'clean'),
    ];
    expect(inPlanOrder(plan, results.toReversed()).map(({ detector }) => detector)).toEqual([
      'b',
      'a',
      's',
      'x',
      'y',
    ]);
  });

  it('gives what the plan leaves out its own status', () => {
    expect(skippedResults(plan).map(({ status }) => status)).toEqual(['skipped', 'unavailable']);
  });

  it('is the order of the successes, strangers left out', () => {
    const results = [
      success('a', ' x '),
      success('stranger', 'y'),
      resultWithoutAnswer('s', 'http_5xx'),
      success('b', 'z', null),
    ];
    expect(successesOf(plan, results)).toMatchObject([
      { detector: { name: 'b' }, output: 'z', confidence: 0 },
      { detector: { name: 'a' }, output: 'x', confidence: 0.9 },
    ]);
  });
});
