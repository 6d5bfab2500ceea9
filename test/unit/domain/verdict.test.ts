import fc from 'fast-check';
import { verdictOf } from '../../../src/domain/verdict';
import { finding } from './support';

describe('verdictOf', () => {
  it('calls nothing found clean, with a modest confidence', () => {
    expect(verdictOf([])).toEqual({ output: 'clean', confidence: 0.6, scores: {} });
  });

  it('takes the label of highest strength and keeps the highest score of each', () => {
    expect(verdictOf([finding('email', 0.5), finding('ssn', 0.9), finding('email', 0.7)])).toEqual({
      output: 'ssn',
      confidence: 0.9,
      scores: { email: 0.7, ssn: 0.9 },
    });
  });

  it('breaks ties by label', () => {
    expect(verdictOf([finding('b', 0.5), finding('a', 0.5)]).output).toBe('a');
  });

  it('keeps labels named like members of Object as data', () => {
    const { scores } = verdictOf([finding('__proto__', 0.8), finding('constructor', 0.7)]);
    expect(Object.entries(scores)).toEqual([
      ['__proto__', 0.8],
      ['constructor', 0.7],
    ]);
  });

  it('does not depend on the order of findings', () => {
    const findings = fc.array(
      fc
        .tuple(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 0, max: 4 }))
        .map(([label, quarter]) => finding(label, quarter / 4)),
    );
    const twice = findings.chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
    );
    fc.assert(fc.property(twice, ([one, other]) => expect(verdictOf(other)).toEqual(verdictOf(one))));
  });
});
