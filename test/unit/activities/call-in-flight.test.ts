import { CallInFlight } from '../../../src/activities/call-in-flight';

describe('CallInFlight', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  function flight() {
    let heard: () => void = () => undefined;
    let finish: (results: string) => void = () => undefined;
    const call = new CallInFlight<string>((answered) => {
      heard = answered;
      return new Promise((resolve) => (finish = resolve));
    });
    return { call, heard: () => heard(), finish: (results: string) => finish(results) };
  }
  async function lagsAfter(ms: number, lag: Promise<void>): Promise<boolean> {
    let lagging = false;
    void lag.then(() => (lagging = true));
    await jest.advanceTimersByTimeAsync(ms);
    return lagging;
  }

  it('lags 100 ms after a quick answer that no other follows', async () => {
    const { call, heard } = flight();
    heard();
    const lag = call.lag();
    expect(await lagsAfter(99, lag)).toBe(false);
    expect(await lagsAfter(1, lag)).toBe(true);
  });

  it('lags after twice the time of a slow answer', async () => {
    const { call, heard } = flight();
    jest.advanceTimersByTime(400);
    heard();
    const lag = call.lag();
    expect(await lagsAfter(799, lag)).toBe(false);
    expect(await lagsAfter(1, lag)).toBe(true);
  });

  it('does not lag while answers keep coming, nor before the first', async () => {
    expect(await lagsAfter(60_000, flight().call.lag())).toBe(false);
    const { call, heard } = flight();
    const lag = call.lag();
    for (let answer = 0; answer < 10; answer++) {
      heard();
      expect(await lagsAfter(99, lag)).toBe(false);
    }
    expect(await lagsAfter(1, lag)).toBe(true);
  });

  it('lags anew only when there was an answer since', async () => {
    const { call, heard } = flight();
    heard();
    expect(await lagsAfter(100, call.lag())).toBe(true);
    const again = call.lag();
    expect(await lagsAfter(60_000, again)).toBe(false);
    heard();
    expect(await lagsAfter(100, again)).toBe(true);
  });

  it('remembers a lag for who asks later', async () => {
    const { call, heard } = flight();
    heard();
    await jest.advanceTimersByTimeAsync(100);
    expect(await lagsAfter(0, call.lag())).toBe(true);
    expect(await lagsAfter(1000, call.lag())).toBe(false);
  });

  it('leaves no timer when it is done', async () => {
    const { call, heard, finish } = flight();
    heard();
    finish('all');
    expect(await call.done).toBe('all');
    expect(jest.getTimerCount()).toBe(0);
  });
});
