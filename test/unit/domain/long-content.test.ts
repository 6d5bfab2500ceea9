import fc from 'fast-check';
import { maxParts, mostContent } from '../../../src/domain/long-content';
import { partsOf } from '../../../src/detectors/parts';
import './support';

const of = (max_content_length: number, long_content?: 'split' | 'skip') =>
  mostContent({ max_content_length, ...(long_content && { long_content }) });

const text = fc
  .array(
    fc.oneof(
      {
        arbitrary: fc.constantFrom(' ', '. ', '! ', '\n', 'word', 'e\u0301', '👩‍🚀', '日本語。', 'א'),
        weight: 5,
      },
      { arbitrary: fc.string({ unit: 'grapheme', maxLength: 8 }), weight: 1 },
    ),
    { maxLength: 200 },
  )
  .map((pieces) => pieces.join(''));

describe('Content over what a detector takes', () => {
  it('is not judged where it must not be split, nor by plans that do not say', () => {
    expect(of(1000, 'skip')).toBe(1000);
    expect(of(1000)).toBe(1000);
  });

  it('is judged in a bounded number of parts', () => {
    expect(of(1000, 'split')).toBe(40_375);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.constantFrom('x', ' ', 'ab. '), (max, filler) => {
        const longest = filler.repeat(of(max, 'split')).slice(0, of(max, 'split'));
        expect(partsOf(longest, max).length).toBeLessThanOrEqual(maxParts);
      }),
      { numRuns: 60 },
    );
  });

  it('is in its parts, all of it, none longer than the detector takes, each where it says', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 60 }), (content, max) => {
        const points = [...content];
        let covered = 0;
        for (const part of partsOf(content, max)) {
          expect(part.length).toBeLessThanOrEqual(max);
          expect(part.start).toBeLessThanOrEqual(covered);
          expect(points.slice(part.start, part.start + part.length).join('')).toBe(part.content);
          expect(part.start + part.length).toBeGreaterThan(covered - Number(points.length === 0));
          covered = part.start + part.length;
        }
        expect(covered).toBe(points.length);
      }),
    );
  });

  it('is cut where a sentence ends, and overlaps by whole words', () => {
    const sentences = Array.from({ length: 12 }, (_, index) => `This is sentence number ${index}. `);
    const parts = partsOf(sentences.join(''), 100);
    expect(parts.length).toBeGreaterThan(3);
    for (const { content } of parts.slice(0, -1)) expect(content).toMatch(/\d\. $/);
    for (const { content } of parts.slice(1)) expect(content).toMatch(/^(?:is|sentence|number|This|\d+)?\W/);
    const [first, second] = parts;
    expect(second!.start).toBeLessThan(first!.length);
  });

  it('keeps characters of several code points whole where it can', () => {
    const parts = partsOf('👩‍🚀'.repeat(20), 10);
    expect(parts.every(({ content }) => content.endsWith('👩‍🚀'))).toBe(true);
  });
});
