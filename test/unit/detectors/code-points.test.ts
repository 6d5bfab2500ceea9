import fc from 'fast-check';
import { codePointIndexer } from '../../../src/detectors/builtin/code-points';
import { strongestOfOverlapping, type Candidate } from '../../../src/detectors/builtin/overlaps';

describe('codePointIndexer', () => {
  it.each([
    ['plain', 'abc', 2, 2],
    ['after an emoji', '😀abc', 3, 2],
    ['combining marks are code points of their own', 'e\u0301x', 2, 2],
    ['a family of four is seven code points', '👩‍👩‍👧‍👦x', '👩‍👩‍👧‍👦'.length, 7],
    ['inside a pair: its end', '😀', 1, 1],
    ['a lone high surrogate', '\ud83dx', 1, 1],
    ['a lone low surrogate', '\ude00x', 1, 1],
    ['a high surrogate before a pair', '\ud83d😀x', 3, 2],
    ['beyond the end', 'ab', 9, 2],
    ['before the start', 'ab', -3, 0],
    ['empty text', '', 0, 0],
  ])('%s', (_name, text, utf16, expected) => {
    expect(codePointIndexer(text)(utf16)).toBe(expected);
  });

  it('agrees with counting the code points of every prefix that does not cut a pair', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const codePoint = codePointIndexer(text);
        let utf16 = 0;
        [...text].forEach((character, index) => {
          expect(codePoint(utf16)).toBe(index);
          utf16 += character.length;
        });
        expect(codePoint(utf16)).toBe([...text].length);
      }),
      { seed: 7 },
    );
  });
});

describe('strongestOfOverlapping', () => {
  const span = (start: number, end: number, score: number, label = 'x'): Candidate => ({
    start,
    end,
    score,
    label,
  });

  it('prefers the score, then the length, and keeps neighbors that only touch', () => {
    const kept = strongestOfOverlapping([
      span(0, 9, 0.5),
      span(3, 6, 0.9),
      span(6, 8, 0.5),
      span(6, 9, 0.5),
      span(20, 21, 0.1),
    ]);
    expect(kept).toEqual([span(3, 6, 0.9), span(6, 9, 0.5), span(20, 21, 0.1)]);
  });

  it('returns disjoint spans in order, and drops none that is free', () => {
    const spans = fc.array(
      fc
        .tuple(fc.nat(50), fc.integer({ min: 1, max: 9 }), fc.nat(9))
        .map(([start, length, tenths]) => span(start, start + length, tenths / 10)),
    );
    fc.assert(
      fc.property(spans, (candidates) => {
        const kept = strongestOfOverlapping(candidates);
        kept
          .slice(1)
          .forEach((next, index) => expect(next.start).toBeGreaterThanOrEqual(kept[index]?.end ?? 0));
        for (const candidate of candidates) {
          const rivals = kept.filter(({ start, end }) => start < candidate.end && candidate.start < end);
          expect(Math.max(...rivals.map(({ score }) => score))).toBeGreaterThanOrEqual(candidate.score);
        }
      }),
      { seed: 7 },
    );
  });
});
