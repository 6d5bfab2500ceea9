import { type LogFn, type Logger, pino } from 'pino';

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
    hooks: { logMethod: withoutErrorMessage },
  };
  return destination ? pino(options, destination) : pino(options);
}

/** An error that is logged without a message of ours would lend the line its own. */
function withoutErrorMessage(this: Logger, args: Parameters<LogFn>, method: LogFn): void {
  const [first, message, ...rest] = args;
  if (typeof first === 'string') return method.apply(this, args);
  method.call(this, first instanceof Error ? { error: first } : first, message ?? '', ...rest);
}

function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { name: typeof error };
  const { code } = error as { code?: unknown };
  return { name: error.name, ...(typeof code === 'string' ? { code } : {}), at: firstFrame(error) };
}

/** Looked for behind the message, whose lines may look like anything. */
function firstFrame({ stack = '', message }: Error): string | undefined {
  const at = stack.indexOf(message);
  if (at === -1) return undefined;
  const frames = stack.slice(at + message.length).split('\n');
  return frames.find((line) => line.trimStart().startsWith('at '))?.trim();
}
