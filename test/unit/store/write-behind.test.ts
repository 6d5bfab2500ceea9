import type { LoggedDecision } from '../../../src/contract/decision-log';
import { WriteBehind, type WriteBehindSettings } from '../../../src/store/write-behind';
import { eventually } from '../../support/eventually';
import { loggedDecision } from '../policy/samples';

const chars = JSON.stringify(loggedDecision()).length;

function logOver(settings: Partial<WriteBehindSettings> = {}) {
  const written: LoggedDecision[][] = [];
  const errors: object[] = [];
  const store = { isAway: false };
  const write = async (decisions: readonly LoggedDecision[]) => {
    if (store.isAway) throw new Error('the store is away');
    written.push([...decisions]);
  };
  const log = { error: (fields: object) => void errors.push(fields) };
  const decisionLog = new WriteBehind(write, {
    what: 'decisions',
    log,
    gatherMs: 1,
    retryMs: 1,
    ...settings,
  });
  return { decisionLog, written, errors, store };
}

describe('what is written behind', () => {
  it('writes together what comes together, without being asked', async () => {
    const { decisionLog, written } = logOver();
    const decisions = [loggedDecision(), loggedDecision(), loggedDecision()];
    for (const decision of decisions) decisionLog.note(decision, chars);
    expect(written).toEqual([]);
    await eventually(
      () => written,
      ([batch]) => batch !== undefined,
    );
    expect(written).toEqual([decisions]);
  });

  it('writes at most so many at a time', async () => {
    const { decisionLog, written } = logOver();
    for (let i = 0; i < 1001; i++) decisionLog.note(loggedDecision(), chars);
    await decisionLog.flush();
    expect(written.map((batch) => batch.length)).toEqual([500, 500, 1]);
  });

  it('keeps what a store that is away cannot take, and writes it when it is back', async () => {
    const { decisionLog, written, store, errors } = logOver();
    store.isAway = true;
    const first = loggedDecision();
    decisionLog.note(first, chars);
    await expect(decisionLog.flush()).rejects.toThrow('the store is away');
    store.isAway = false;
    await eventually(
      () => written,
      (batches) => batches.length > 0,
    );
    expect(written).toEqual([[first]]);
    expect(errors).toEqual([]);
  });

  it('drops what finds no room, and says how many', async () => {
    const { decisionLog, written, errors } = logOver({ maxWaiting: 2, gatherMs: 60_000 });
    for (let i = 0; i < 5; i++) decisionLog.note(loggedDecision(), chars);
    await decisionLog.flush();
    expect([written.flat().length, errors]).toEqual([2, [{ dropped: 3 }]]);
  });

  it('drops what is more than it may hold, and has room again for what comes later', async () => {
    const { decisionLog, written, errors } = logOver({ maxWaitingChars: 2 * chars, gatherMs: 60_000 });
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 3; i++) decisionLog.note(loggedDecision(), chars);
      await decisionLog.flush();
    }
    expect([written.flat().length, errors]).toEqual([4, [{ dropped: 1 }, { dropped: 1 }]]);
  });

  it('writes what waits when it is stopped, and says what is lost when it cannot', async () => {
    const one = logOver({ gatherMs: 60_000 });
    one.decisionLog.note(loggedDecision(), chars);
    await one.decisionLog.stop();
    expect(one.written.flat()).toHaveLength(1);

    const other = logOver({ gatherMs: 60_000 });
    other.store.isAway = true;
    other.decisionLog.note(loggedDecision(), chars);
    await other.decisionLog.stop();
    expect(other.errors).toEqual([expect.objectContaining({ lost: 1 })]);
  });
});
