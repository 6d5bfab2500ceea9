import { ConclaveError } from '../contract/errors';

/** What is only slow and about to answer is not given up at once: the repeat would cost more. */
const graceMs = 500;

/**
 * No answer waits for a store or an engine that is silent (design.md 1, 3). What hangs goes on, and a repeat with the key
 * finds it.
 * @param slaAt epoch ms
 * @throws ConclaveError INTERNAL_ERROR when nothing else came by then or soon after
 */
export async function bySla<T>(slaAt: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const overdue = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () =>
        reject(
          new ConclaveError('INTERNAL_ERROR', 'the store or the workflow engine did not answer in time', {
            detail: 'store_or_engine_silent',
          }),
        ),
      Math.max(0, slaAt + graceMs - Date.now()),
    );
  });
  try {
    return await Promise.race([work, overdue]);
  } finally {
    clearTimeout(timer);
  }
}
