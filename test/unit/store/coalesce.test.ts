import { setImmediate as turn } from 'node:timers/promises';
import { Coalesced } from '../../../src/store/coalesce';

describe('Questions of one turn', () => {
  it('are answered together, each with its own reply', async () => {
    const asked: (readonly number[])[] = [];
    const doubled = new Coalesced(async (numbers: readonly number[]) => {
      asked.push(numbers);
      return numbers.map((number) => 2 * number);
    });
    expect(await Promise.all([1, 2, 3].map((number) => doubled.ask(number)))).toEqual([2, 4, 6]);
    expect(await doubled.ask(4)).toBe(8);
    expect(asked).toEqual([[1, 2, 3], [4]]);
  });

  it('are no more than may be at a time', async () => {
    const sizes: number[] = [];
    const counted = new Coalesced(async (items: readonly string[]) => {
      sizes.push(items.length);
      return items;
    }, 2);
    expect(await Promise.all(['a', 'b', 'c'].map((item) => counted.ask(item)))).toEqual(['a', 'b', 'c']);
    expect(sizes).toEqual([2, 1]);
  });

  it('may be replied to one by one, and one that fails leaves the others alone', async () => {
    const single = new Coalesced((items: readonly string[]) =>
      items.map((item) => (item === 'bad' ? Promise.reject(new Error(item)) : turn(item))),
    );
    const [good, bad] = await Promise.allSettled([single.ask('good'), single.ask('bad')]);
    expect(good).toMatchObject({ status: 'fulfilled', value: 'good' });
    expect(bad).toMatchObject({ status: 'rejected', reason: { message: 'bad' } });
  });

  it('all fail when they cannot be asked', async () => {
    const broken = new Coalesced<string, string>(() => Promise.reject(new Error('the store is away')));
    const replies = await Promise.allSettled([broken.ask('a'), broken.ask('b')]);
    expect(replies.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});
