import { ActivityFailure, CancellationScope, isCancellation, rootCause } from '@temporalio/workflow';

/** What work comes to. When it fails or is cancelled, that is made good, whoever cancels meanwhile, and then thrown. */
export async function orMakeGood<T>(
  work: () => Promise<T>,
  makeGood: (error: unknown) => Promise<void>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await CancellationScope.nonCancellable(() => makeGood(error));
    throw error;
  }
}

/** Why work ended without its result, for those who read of it. */
export function reasonOf(error: unknown): string {
  if (isCancellation(error)) return 'it was cancelled';
  return error instanceof ActivityFailure ? (rootCause(error) ?? error.message) : 'it went wrong';
}
