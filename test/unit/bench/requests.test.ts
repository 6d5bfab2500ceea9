import { contentsIn, requestOf } from '../../../bench/requests';
import { distinctTexts } from '../../../bench/texts';
import { shares } from '../../../bench/load';

describe('requestOf', () => {
  it('makes a batch of distinct items under a key of its own', () => {
    const shape = { kind: 'batch', bundle: 'bench', items: 3 } as const;
    const texts = distinctTexts();
    const [first, second] = [requestOf(shape, texts), requestOf(shape, texts)];
    const contents = [first, second].flatMap(({ body }) => {
      const { requests } = JSON.parse(body) as { requests: { content: string }[] };
      return requests.map(({ content }) => content);
    });
    expect(new Set(contents).size).toBe(6);
    expect(contentsIn(shape)).toBe(3);
    expect(first.headers['idempotency-key']).not.toBe(second.headers['idempotency-key']);
  });
});

describe('shares', () => {
  it.each([
    [100, 25],
    [103, 25],
    [7, 25],
    [1, 25],
  ])('parts %i into at most %i whole numbers of about the same size', (total, parts) => {
    const all = shares(total, parts);
    expect(all.reduce((sum, share) => sum + share, 0)).toBe(total);
    expect(Math.min(...all)).toBeGreaterThan(0);
    expect(Math.max(...all) - Math.min(...all)).toBeLessThanOrEqual(1);
    expect(all.length).toBeLessThanOrEqual(parts);
  });
});
