import { DefaultLogger, type LogEntry, Runtime } from '@temporalio/worker';
import type { Logger } from './logger';

const levels = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;
/** Of what Temporal logs only identifiers go on: errors and inputs may quote what must not be logged. */
const passedOn = [
  'workflowId',
  'workflowType',
  'activityType',
  'attempt',
  'taskQueue',
  'sdkComponent',
] as const;

/** Temporal's own log lines in our format. */
export function temporalLogger(log: Logger): DefaultLogger {
  return new DefaultLogger('WARN', ({ level, message, meta }: LogEntry) => {
    const fields = Object.fromEntries(
      passedOn.flatMap((key) => (meta && key in meta ? [[key, (meta as Record<string, unknown>)[key]]] : [])),
    );
    log[levels[level]]({ ...fields, source: 'temporal' }, message.split('\n', 1)[0]);
  });
}

/** Has the SDK log through us, its native half included: that would write to stderr by itself, failures and all. */
export function installRuntime(log: Logger): void {
  Runtime.install({
    logger: temporalLogger(log),
    telemetryOptions: { logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} } },
    shutdownSignals: [],
  });
}
