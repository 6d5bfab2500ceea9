import { Window } from '../../../bench/window';

const spans = { warmupMs: 100, windowMs: 1_000 };
const limitMs = 3_000;

describe('Window', () => {
  let now: number;
  const [one, two] = [{}, {}];
  const open = (clients: number) => new Window(spans, clients, limitMs, () => now);
  const at = (ms: number): void => void (now = ms);

  beforeEach(() => {
    jest.useFakeTimers();
    at(0);
  });
  afterEach(() => jest.useRealTimers());

  it('opens when every client had an answer and the warm-up is over, and counts until its end', () => {
    const window = open(2);
    for (const [ms, client] of [
      [10, one],
      [20, one],
      [30, two],
      [90, one],
      [100, two],
      [1_100, one],
      [1_101, two],
    ] as const) {
      at(ms);
      window.answered(client, '200', ms);
    }
    expect(window.sample.latenciesMs).toEqual({ '200': [100, 1_100] });
    expect(window.sample.answered).toEqual({ '200': 7 });
    expect(window.isOver()).toBe(true);
  });

  it('does not wait longer than its limit for a client that gets no answer', () => {
    const window = open(2);
    at(limitMs);
    window.answered(one, '200', 1);
    at(limitMs + 1);
    window.answered(one, '200', 2);
    expect(window.sample.latenciesMs).toEqual({ '200': [2] });
  });

  it('of an open loop opens after the warm-up whoever was answered, and files answers by status', () => {
    const window = open(0);
    window.sent();
    at(100);
    window.sent();
    at(1_000);
    window.answered(one, '200', 7);
    window.answered(two, '403', 1);
    at(1_101);
    window.sent();
    expect(window.sample).toMatchObject({ sent: 1, latenciesMs: { '200': [7], '403': [1] } });
  });

  it('says when it is over', async () => {
    const over = jest.fn();
    void open(0).over().then(over);
    await jest.advanceTimersByTimeAsync(1_099);
    expect(over).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(1);
    expect(over).toHaveBeenCalled();
  });
});
