import fc from 'fast-check';
import { nextCanaryStep, shareAt } from '../../../src/domain/traffic';
import { byVersion } from '../../../src/domain/versions';

describe('traffic', () => {
  it('gives each version the stretch of its share', () => {
    const shares = [
      { version: '1.0', percent: 95 },
      { version: '2.0', percent: 5 },
    ];
    expect([0, 0.949, 0.95, 0.999].map((point) => shareAt(shares, point))).toEqual([0, 0, 1, 1]);
  });

  it('never gives a version without a share, while another has one', () => {
    const percents = fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(percents, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (given, point) => {
        fc.pre(given.some((percent) => percent > 0));
        const shares = given.map((percent, index) => ({ version: String(index), percent }));
        expect(shares[shareAt(shares, point)]!.percent).toBeGreaterThan(0);
      }),
    );
  });

  it('takes canaries from step to step', () => {
    expect([0, 5, 10, 25, 50, 100].map(nextCanaryStep)).toEqual([5, 25, 25, 50, 100, 100]);
  });
});

describe('byVersion', () => {
  it('orders by numbers, and takes a missing one for 0', () => {
    expect(['1.10', '1.9', '2.0', '1.9.1'].toSorted(byVersion)).toEqual(['1.9', '1.9.1', '1.10', '2.0']);
    expect(byVersion('1.0', '1.0.0')).toBe(0);
  });
});
