import { EventEmitter } from 'node:events';
import { CancelledByCaller, RunControls } from '../../../src/activities/run-controls';

/** The controls over a store that knows some cancellations. */
function controlsOver(stored: readonly string[] = []) {
  const notifications = new EventEmitter();
  const asked: string[][] = [];
  const store = {
    cancelled: new Set(stored),
    down: false,
    cancelledAmong(requestIds: readonly string[]) {
      asked.push([...requestIds]);
      if (store.down) return Promise.reject(new Error('no store'));
      return Promise.resolve(new Set(requestIds.filter((id) => store.cancelled.has(id))));
    },
  };
  const controls = new RunControls(store as never, notifications as never);
  const cancel = (request_id: string) => notifications.emit('message', { kind: 'cancelled', request_id });
  return { controls, notifications, store, asked, cancel };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('RunControls', () => {
  it('learns of a cancellation by message, and of nothing else', () => {
    const { controls, notifications, cancel } = controlsOver();
    notifications.emit('message', { kind: 'aggregated', request_id: 'r2' });
    cancel('r1');
    expect(['r1', 'r2'].map((id) => controls.isCancelled(id))).toEqual([true, false]);
  });

  it('learns of what it missed from the store', async () => {
    const { controls } = controlsOver(['r1', 'r3']);
    await controls.refresh(['r1', 'r2']);
    expect(['r1', 'r2', 'r3'].map((id) => controls.isCancelled(id))).toEqual([true, false, false]);
  });

  it('aborts a call when the last of its requests is cancelled, as cancelled by the caller', () => {
    const { controls, cancel } = controlsOver();
    const { signal } = controls.allCancelled(['r1', 'r2']);
    cancel('r1');
    expect(signal.aborted).toBe(false);
    cancel('r2');
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toBeInstanceOf(CancelledByCaller);
  });

  it('aborts at once where all were cancelled before', () => {
    const { controls, cancel } = controlsOver();
    cancel('r1');
    expect(controls.allCancelled(['r1']).signal.aborted).toBe(true);
  });

  it('no longer aborts what was released', () => {
    const { controls, cancel } = controlsOver();
    const { signal, dispose } = controls.allCancelled(['r1']);
    dispose();
    cancel('r1');
    expect(signal.aborted).toBe(false);
  });

  it('looks again after a lost connection, once for each request that a call waits for', async () => {
    const { controls, notifications, store, asked } = controlsOver();
    const first = controls.allCancelled(['r1']);
    const second = controls.allCancelled(['r1', 'r2']);
    store.cancelled.add('r1');
    notifications.emit('reconnected');
    await settled();
    expect(asked).toEqual([['r1', 'r2']]);
    expect([first.signal.aborted, second.signal.aborted]).toEqual([true, false]);
  });

  it('asks the store nothing after a lost connection when no call waits', async () => {
    const { notifications, asked } = controlsOver();
    notifications.emit('reconnected');
    await settled();
    expect(asked).toEqual([]);
  });

  it('lets calls go on when the store is lost too', async () => {
    const { controls, notifications, store, asked } = controlsOver(['r1']);
    const { signal } = controls.allCancelled(['r1']);
    store.down = true;
    notifications.emit('reconnected');
    await settled();
    expect(asked).toHaveLength(1);
    expect(signal.aborted).toBe(false);
  });
});
