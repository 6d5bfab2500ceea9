import { ConclaveError } from '../contract/errors';

/** Does work in turn. @throws ConclaveError RATE_LIMITED `overloaded` when too many wait already */
export type Turnstile = <T>(work: () => Promise<T>) => Promise<T>;

/** Each of them compiles Rego in a process of its own. */
const maxAtOnce = 2;
const maxWaiting = 8;

/** Lets so many through at a time, keeps so many waiting, and turns the others away. */
export function turnstile(): Turnstile {
  let inside = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (waiting.length >= maxWaiting) {
      throw new ConclaveError('RATE_LIMITED', 'too many policies are being checked already', {
        detail: 'overloaded',
        retryAfterSeconds: 2,
      });
    }
    if (inside >= maxAtOnce) await new Promise<void>((enter) => waiting.push(enter));
    else inside += 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else inside -= 1;
    }
  };
}
