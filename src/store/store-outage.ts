import { setTimeout as delay } from 'node:timers/promises';

const everyMs = 250;
/** SQLSTATE classes of a server that is starting, stopping or full, and what the system says of a broken connection. */
const away = /^(08|53|57P)...?$|^E(?!RR_)[A-Z_]+$/;

/** Whether the store could not be asked, as opposed to one that refused: worth another try later. */
export function isStoreAway(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code === 'string') return away.test(code);
  // What the driver itself says has no code.
  return typeof message === 'string' && /\bconnect|timeout/i.test(message);
}

/**
 * Does again what fails because the store is away, until it is back.
 * @param until epoch ms after which the failure is thrown
 */
export async function outlastingOutage<T>(work: () => Promise<T>, until = Infinity): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isStoreAway(error) || Date.now() + everyMs > until) throw error;
      await delay(everyMs);
    }
  }
}
