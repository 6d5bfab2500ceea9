import { limiter } from '../../../src/detectors/limiter';

describe('limiter', () => {
  const tick = () => new Promise((resolve) => setImmediate(resolve));

  it('runs so many at once, the others in order as places free, whatever becomes of each', async () => {
    const limited = limiter(2);
    const begun: number[] = [];
    const ends: ((error?: Error) => void)[] = [];
    const works = [0, 1, 2, 3].map((n) =>
      limited(
        () =>
          new Promise<number>((resolve, reject) => {
            begun.push(n);
            ends[n] = (error) => (error ? reject(error) : resolve(n));
          }),
      ),
    );
    works[1]!.catch(() => undefined);
    await tick();
    expect(begun).toEqual([0, 1]);
    ends[1]!(new Error('failed'));
    await tick();
    expect(begun).toEqual([0, 1, 2]);
    ends[0]!();
    await tick();
    expect(begun).toEqual([0, 1, 2, 3]);
    ends[2]!();
    ends[3]!();
    expect(await Promise.allSettled(works)).toMatchObject([
      { value: 0 },
      { status: 'rejected' },
      { value: 2 },
      { value: 3 },
    ]);
    // Every place is free again.
    expect(await limited(() => Promise.resolve('next'))).toBe('next');
  });
});
