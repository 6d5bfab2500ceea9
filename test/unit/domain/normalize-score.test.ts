import fc from 'fast-check';
import type { ScoreNormalization } from '../../../src/contract/registration';
import { normalizeScore } from '../../../src/domain/normalize-score';
import './support';

const methods: ScoreNormalization[] = [
  { method: 'identity' },
  { method: 'percent' },
  { method: 'min_max', min: -5, max: 5 },
  { method: 'sigmoid' },
  { method: 'boolean' },
];

describe('normalizeScore', () => {
  it.each<[unknown, ScoreNormalization, number | null]>([
    [0.42, { method: 'identity' }, 0.42],
    [1.2, { method: 'identity' }, 1],
    [-0.1, { method: 'identity' }, 0],
    [87, { method: 'percent' }, 0.87],
    [250, { method: 'percent' }, 1],
    [0, { method: 'min_max', min: -5, max: 5 }, 0.5],
    [-6, { method: 'min_max', min: -5, max: 5 }, 0],
    [0, { method: 'sigmoid' }, 0.5],
    [-1000, { method: 'sigmoid' }, 0],
    [1000, { method: 'sigmoid' }, 1],
    [true, { method: 'boolean' }, 1],
    [false, { method: 'boolean' }, 0],
    [1, { method: 'boolean' }, null],
    [true, { method: 'identity' }, null],
  ])('makes %p by %j %p', (raw, how, expected) => {
    expect(normalizeScore(raw, how)).toBe(expected);
  });

  it('follows the logistic function', () => {
    expect(normalizeScore(2, { method: 'sigmoid' })).toBeCloseTo(0.880797, 6);
  });

  it.each(methods)('knows no score where none is: $method', (how) => {
    for (const raw of [NaN, Infinity, -Infinity, null, undefined, '0.5', {}, [0.5]]) {
      expect(normalizeScore(raw, how)).toBeNull();
    }
  });

  it('is null or in [0, 1], whatever comes in', () => {
    const how = fc.oneof(
      fc.constantFrom(...methods),
      fc
        .tuple(
          fc.double({ noNaN: true, noDefaultInfinity: true }),
          fc.double({ noNaN: true, noDefaultInfinity: true }),
        )
        .filter(([a, b]) => a !== b)
        .map(([a, b]) => ({ method: 'min_max' as const, min: Math.min(a, b), max: Math.max(a, b) })),
    );
    fc.assert(
      fc.property(fc.oneof(fc.double(), fc.anything()), how, (raw, method) => {
        const score = normalizeScore(raw, method);
        return score === null || (score >= 0 && score <= 1);
      }),
    );
  });

  it('never reverses an order', () => {
    const numbers = fc.double({ min: -1e6, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(numbers, numbers, fc.constantFrom(...methods.slice(0, 4)), (a, b, how) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)].map((raw) => normalizeScore(raw, how) ?? NaN);
        return low! <= high!;
      }),
    );
  });
});
