import { setTimeout as delay } from 'node:timers/promises';

/** Asks until the answer satisfies, or fails with the last one seen; for conditions that announce themselves to nobody. */
export async function eventually<T>(
  ask: () => Promise<T> | T,
  satisfies: (value: T) => boolean,
  { withinMs = 20_000, everyMs = 50 } = {},
): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const value = await ask();
    if (satisfies(value)) return value;
    if (Date.now() > deadline) throw new Error(`not so within ${withinMs} ms: ${JSON.stringify(value)}`);
    await delay(everyMs);
  }
}
