import { cronSchema } from '../../../src/contract/cron';

const accepts = (text: string): boolean => cronSchema.safeParse(text).success;

describe('A schedule', () => {
  it.each(['0 5 1 */6 *', '0 2 * * 0', '*/15 0-6 1,15 1-11/2 1-5', '59 23 31 12 6', '5/20 * * * *'])(
    'is %s',
    (text) => expect(accepts(text)).toBe(true),
  );

  it.each([
    ...['', 'daily', '@daily', '* * * *', '* * * * * *', '*  * * * *', ' * * * * *'],
    ...['60 * * * *', '* 24 * * *', '* * 0 * *', '* * 32 * *', '* * * 13 *', '* * * * 7', '* * * jan *'],
    ...['5-1 * * * *', '*/0 * * * *', '*/60 * * * *', '1, * * * *', '1-2-3 * * * *', '-1 * * * *'],
  ])('is not %p', (text) => expect(accepts(text)).toBe(false));
});
