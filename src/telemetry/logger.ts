import { pino, type Logger } from 'pino';

export type { Logger };

/** Keys under which content, credentials or caller text could stand; whatever is there never reaches a log. */
const redacted = [
  'content',
  'contents',
  'metadata',
  'body',
  'payload',
  'output',
  'authorization',
  'idempotency_key',
];

/** JSON lines with the fields of spec/orchestration.md 8. Errors are logged by name and code: a message may quote. */
export function createLogger(service: string, level: string, destination?: NodeJS.WritableStream): Logger {
  const options = {
    level,
    base: { service },
    messageKey: 'message',
    timestamp: () => `,"timestamp":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { error: describeError, err: describeError },
    redact: { paths: redacted.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]), censor: '[REDACTED]' },
  };
  return destination ? pino(options, destination) : pino(options);
}

function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { name: typeof error };
  const { code } = error as { code?: unknown };
  const frame = error.stack?.split('\n').find((line) => line.trimStart().startsWith('at '));
  return { name: error.name, ...(typeof code === 'string' ? { code } : {}), at: frame?.trim() };
}
