import type { ConclaveError } from '../../../src/contract/errors';
import { FairTurns } from '../../../src/policy/fair-turns';

/** Work that goes on until it is let go, and what became of it. */
function workshop(turns: FairTurns) {
  const began: string[] = [];
  const finish = new Map<string, () => void>();
  return {
    began,
    /** `a1` is a piece of tenant `a`. */
    send: (name: string): Promise<string> =>
      turns
        .take(name[0]!, async () => {
          began.push(name);
          await new Promise<void>((resolve) => finish.set(name, resolve));
        })
        .then(
          () => 'done',
          (error: unknown) => (error as ConclaveError).detail ?? 'failed',
        ),
    async finish(name: string): Promise<void> {
      finish.get(name)!();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

describe('turns of several tenants', () => {
  it('are two at a time, and one of each tenant', async () => {
    const { began, send, finish } = workshop(new FairTurns());
    const all = ['a1', 'a2', 'b1', 'c1'].map(send);
    expect(began).toEqual(['a1', 'b1']);
    await finish('b1');
    expect(began).toEqual(['a1', 'b1', 'c1']);
    await finish('c1');
    expect(began).toEqual(['a1', 'b1', 'c1']);
    await finish('a1');
    await finish('a2');
    expect(await Promise.all(all)).toEqual(['done', 'done', 'done', 'done']);
  });

  it('go round, so that who sends much delays nobody by more than one piece', async () => {
    const { began, send, finish } = workshop(new FairTurns({ atOnce: 1, waiting: 16, waitingOfOne: 4 }));
    ['a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'b2'].forEach((name) => void send(name));
    for (const name of ['a1', 'a2', 'b1', 'c1', 'a3', 'b2']) await finish(name);
    expect(began).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4']);
  });

  it('are refused to who has enough waiting, with when to come again', async () => {
    const turns = new FairTurns({ atOnce: 1, waiting: 16, waitingOfOne: 2 });
    const { send } = workshop(turns);
    ['a1', 'a2', 'a3'].forEach((name) => void send(name));
    await expect(turns.take('a', () => Promise.resolve())).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      detail: 'overloaded',
      retryAfterSeconds: 5,
    });
  });

  it('are taken from who has most waiting when there is no room, and never from who has less', async () => {
    const { began, send, finish } = workshop(new FairTurns({ atOnce: 1, waiting: 4, waitingOfOne: 3 }));
    const [, , , a4] = ['a1', 'a2', 'a3', 'a4', 'b1'].map(send);
    const c1 = send('c1');
    expect(await a4).toBe('overloaded');
    expect(await send('b2')).toBe('overloaded');
    for (const name of ['a1', 'a2', 'b1', 'c1', 'a3']) await finish(name);
    expect(began).toEqual(['a1', 'a2', 'b1', 'c1', 'a3']);
    expect(await c1).toBe('done');
  });

  it('go on after work that fails', async () => {
    const turns = new FairTurns({ atOnce: 1, waiting: 4, waitingOfOne: 4 });
    const failing = turns.take('a', () => Promise.reject(new Error('no')));
    const next = turns.take('b', () => Promise.resolve('done'));
    await expect(failing).rejects.toThrow('no');
    expect(await next).toBe('done');
  });
});
