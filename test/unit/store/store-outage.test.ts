import { isStoreAway, outlastingOutage } from '../../../src/store/store-outage';

const withCode = (code: string) => Object.assign(new Error('something'), { code });

describe('a store that is away', () => {
  it.each([
    withCode('ECONNREFUSED'),
    withCode('ECONNRESET'),
    withCode('EAI_AGAIN'),
    withCode('57P01'),
    withCode('57P03'),
    withCode('08006'),
    withCode('53300'),
    new Error('Connection terminated unexpectedly'),
    new Error('timeout exceeded when trying to connect'),
    new Error('Query read timeout'),
    new Error('Client has encountered a connection error and is not queryable'),
  ])('is known by $code $message', (error) => {
    expect(isStoreAway(error)).toBe(true);
  });

  it.each([
    withCode('23505'),
    withCode('42P01'),
    withCode('57014'),
    withCode('ERR_OSSL_BAD_DECRYPT'),
    new Error('Unsupported state or unable to authenticate data'),
    new Error('driver has already been destroyed'),
    null,
  ])('is not meant by %p', (error) => {
    expect(isStoreAway(error)).toBe(false);
  });
});

describe('what outlasts an outage', () => {
  beforeEach(() => jest.useFakeTimers({ now: 0 }));
  afterEach(() => jest.useRealTimers());

  it('is done again until the store is back', async () => {
    const work = jest
      .fn<Promise<string>, []>()
      .mockRejectedValueOnce(withCode('ECONNREFUSED'))
      .mockRejectedValueOnce(withCode('57P03'))
      .mockResolvedValue('done');
    const outcome = outlastingOutage(work);
    await jest.advanceTimersByTimeAsync(500);
    expect(await outcome).toBe('done');
    expect(work).toHaveBeenCalledTimes(3);
  });

  it('fails at once for any other reason, and when its time is up', async () => {
    const refusal = withCode('23505');
    await expect(outlastingOutage(() => Promise.reject(refusal))).rejects.toBe(refusal);
    const outage = withCode('ECONNREFUSED');
    const outcome = expect(outlastingOutage(() => Promise.reject(outage), 400)).rejects.toBe(outage);
    await jest.advanceTimersByTimeAsync(250);
    await outcome;
    expect(Date.now()).toBe(250);
  });
});
