import { PassThrough } from 'node:stream';
import { createLogger, type Logger } from '../../../src/telemetry/logger';

const secret = 'what nobody may read';

describe('the logger', () => {
  let written: PassThrough;
  let log: Logger;
  beforeEach(() => {
    written = new PassThrough();
    log = createLogger('api', 'trace', written);
  });

  const text = (): string => String(written.read() ?? '');
  const line = (): Record<string, unknown> => JSON.parse(text()) as Record<string, unknown>;

  it('writes one JSON object a line with time, level, service and message', () => {
    log.info({ tenant_id: 'demo', request_id: 'r-1' }, 'it happened');
    expect(line()).toEqual({
      level: 'info',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      service: 'api',
      tenant_id: 'demo',
      request_id: 'r-1',
      message: 'it happened',
    });
  });

  it.each([
    'content',
    'contents',
    'metadata',
    'body',
    'payload',
    'output',
    'authorization',
    'idempotency_key',
  ])('censors %s at the top and two levels down, whatever it holds', (key) => {
    log.info({ [key]: secret }, 'top');
    log.info({ request: { [key]: { deep: [secret] } } }, 'one level down');
    log.info({ call: { member: { [key]: secret } } }, 'two levels down');
    const lines = text();
    expect(lines).not.toContain(secret);
    expect(lines.match(/\[REDACTED\]/g)).toHaveLength(3);
  });

  it('keeps the identifiers beside what it censors', () => {
    log.info({ request: { content: secret, request_id: 'r-1' } }, 'x');
    expect(line()['request']).toEqual({ content: '[REDACTED]', request_id: 'r-1' });
  });

  it.each(['error', 'err'])(
    'describes an error under `%s` by name, code and place, not by its words',
    (key) => {
      const error = Object.assign(new TypeError(`cannot parse ${secret}`), {
        code: 'E_PARSE',
        detail: `Key (${secret}) exists`,
        cause: new Error(secret),
      });
      log.error({ [key]: error }, 'it failed');
      const logged = line();
      expect(JSON.stringify(logged)).not.toContain(secret);
      expect(logged['message']).toBe('it failed');
      expect(logged[key]).toMatchObject({
        name: 'TypeError',
        code: 'E_PARSE',
        at: expect.stringContaining('logger.test.ts'),
      });
    },
  );

  it.each([
    ['alone', (error: Error) => log.error(error)],
    ['with a message of ours', (error: Error) => log.error(error, 'it failed')],
    ['under `err` without a message', (error: Error) => log.error({ err: error })],
    ['under `error` without a message', (error: Error) => log.error({ error })],
  ])('does not take over the words of an error that is logged %s', (_case, write) => {
    write(new RangeError(secret));
    const logged = text();
    expect(logged).not.toContain(secret);
    expect(logged).toContain('RangeError');
  });

  it('does not mistake a line of the message for a place', () => {
    log.error({ error: new Error(`first\n    at ${secret} (file.js:1:1)`) }, 'x');
    const logged = text();
    expect(logged).not.toContain(secret);
    expect(logged).toContain('logger.test.ts');
  });

  it('says of what was thrown, and is no error, only of which type it is', () => {
    log.error({ error: secret }, 'x');
    log.error({ error: { message: secret } }, 'x');
    log.error({ error: null }, 'x');
    expect(text()).not.toContain(secret);
  });

  it('does the same for children of a logger', () => {
    log.child({ part: 'worker' }).error({ error: new Error(secret), member: { content: secret } }, 'x');
    const logged = text();
    expect(logged).not.toContain(secret);
    expect(logged).toContain('"part":"worker"');
  });

  it('keeps lines below its level to itself', () => {
    const quiet = createLogger('api', 'warn', written);
    quiet.info('unheard');
    quiet.warn('heard');
    expect(text()).not.toContain('unheard');
  });
});
