import { createHealthActivities } from '../../../src/activities/watch-health';

const mockWorker = { beats: 0, abort: new AbortController() };
jest.mock('@temporalio/activity', () => ({
  heartbeat: () => (mockWorker.beats += 1),
  cancellationSignal: () => mockWorker.abort.signal,
}));

/** Goes on until it is told to stop. */
class Duty {
  ended = false;

  async run(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    this.ended = true;
  }
}

describe('A shift of the monitor', () => {
  beforeEach(() => {
    jest.useFakeTimers();
    [mockWorker.beats, mockWorker.abort] = [0, new AbortController()];
  });
  afterEach(() => {
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });

  it('does all its duties for five minutes, and is heard of all the time', async () => {
    const duties = [new Duty(), new Duty()];
    const shift = createHealthActivities(duties).watchHealth();
    await jest.advanceTimersByTimeAsync(299_000);
    expect(duties.map(({ ended }) => ended)).toEqual([false, false]);
    expect(mockWorker.beats).toBe(149);
    await jest.advanceTimersByTimeAsync(1000);
    await shift;
    expect(duties.map(({ ended }) => ended)).toEqual([true, true]);
  });

  it('ends at once with its worker, and leaves the rest to another [H8]', async () => {
    const duty = new Duty();
    const shift = expect(createHealthActivities([duty]).watchHealth()).rejects.toThrow('worker stops');
    await jest.advanceTimersByTimeAsync(1000);
    mockWorker.abort.abort(new Error('worker stops'));
    await shift;
    expect(duty.ended).toBe(true);
  });
});
