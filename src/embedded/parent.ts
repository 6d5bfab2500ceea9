/**
 * Calls `stop` when the process that started us (scripts/start.mjs) is gone, even by kill -9. Does nothing in a process that
 * was started by hand.
 */
export function onParentGone(stop: () => void): void {
  if (process.channel === undefined || process.channel === null) return;
  process.once('disconnect', stop);
  process.channel.unref();
}
