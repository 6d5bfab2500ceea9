import type { Logger } from '../telemetry/logger';

/**
 * A process that dies of an error tells no secret: errors of libraries carry what they were called with, and Node prints
 * all of that; a diagnostic report has the whole environment.
 */
export function keepSecretsIn(log: Logger): void {
  process.on('uncaughtException', (error) => {
    log.fatal({ error }, 'an error that nobody caught ends this process');
    process.exit(1);
  });
  withoutEnvironment(process.report, log);
}

type Report = NodeJS.Process['report'] & { excludeEnv?: boolean };

function withoutEnvironment(report: Report, log: Logger): void {
  if ('excludeEnv' in report) {
    report.excludeEnv = true;
    return;
  }
  report.reportOnUncaughtException = false;
  report.reportOnFatalError = false;
  if (!report.reportOnSignal) return;
  report.reportOnSignal = false;
  // Unheard, the signal would end the process.
  process.on(report.signal, () => {
    log.warn('no diagnostic report is written: this version of Node would put the whole environment into it');
  });
}
