import { promiseHooks } from 'node:v8';
import { isMainThread } from 'node:worker_threads';

/**
 * For `node --require`: workflow threads take no stack trace for every promise. Temporal's SDK does, to answer the
 * `__stack_trace` query, and that costs a quarter of a run's processor time (docs/adr/0030).
 */
if (!isMainThread) promiseHooks.createHook = () => () => undefined;
