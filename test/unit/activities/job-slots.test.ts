import type { SlotReserveContext } from '@temporalio/worker';
import { JobSlots } from '../../../src/activities/job-slots';

const context = { slotType: 'workflow', isSticky: false } as SlotReserveContext;
const sticky = { ...context, isSticky: true };

let pressed = false;
beforeEach(() => {
  pressed = false;
  jest.useFakeTimers();
});
afterEach(() => jest.useRealTimers());

function slotsOf(most: number) {
  const slots = new JobSlots(most, () => pressed, Date.now);
  const abort = new AbortController();
  const granted: object[] = [];
  const ask = (): Promise<void> =>
    slots.reserveSlot(context, abort.signal).then((permit) => void granted.push(permit));
  return { slots, abort, granted, ask };
}

const settle = () => jest.advanceTimersByTimeAsync(0);

describe('slots of jobs', () => {
  it('are as many as there are', async () => {
    const { slots, granted, ask } = slotsOf(2);
    for (let n = 0; n < 3; n++) void ask();
    await settle();
    expect(granted).toHaveLength(2);
    slots.releaseSlot({ permit: granted[0]! });
    await settle();
    expect(granted).toHaveLength(3);
  });

  it('are one at a time while sync requests need the process, or one after a while', async () => {
    pressed = true;
    const { slots, granted, ask } = slotsOf(10);
    for (let n = 0; n < 3; n++) void ask();
    await settle();
    expect(granted).toHaveLength(1);
    slots.releaseSlot({ permit: granted[0]! });
    await settle();
    expect(granted).toHaveLength(2);
    await jest.advanceTimersByTimeAsync(300);
    expect(granted).toHaveLength(3);
  });

  it('are all there again when the pressure is over', async () => {
    pressed = true;
    const { granted, ask } = slotsOf(10);
    for (let n = 0; n < 5; n++) void ask();
    await settle();
    pressed = false;
    await jest.advanceTimersByTimeAsync(300);
    expect(granted).toHaveLength(5);
  });

  it('do not hold up a job that has begun', async () => {
    pressed = true;
    const { slots, abort, granted, ask } = slotsOf(1);
    await ask();
    const permit = await slots.reserveSlot(sticky, abort.signal);
    slots.releaseSlot({ permit });
    void ask();
    await jest.advanceTimersByTimeAsync(1000);
    expect(granted).toHaveLength(1);
  });

  it('are given to nobody past the queue', () => {
    expect(slotsOf(1).slots.tryReserveSlot()).toBeNull();
  });

  it('are not waited for any more after an abort', async () => {
    const { abort, ask } = slotsOf(1);
    await ask();
    const waiting = ask();
    const late = expect(waiting).rejects.toThrow(/abort/i);
    abort.abort();
    await late;
    await expect(ask()).rejects.toThrow(/abort/i);
  });
});
