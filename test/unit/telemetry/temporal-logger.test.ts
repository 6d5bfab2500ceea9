import { PassThrough } from 'node:stream';
import { createLogger } from '../../../src/telemetry/logger';
import { temporalLogger } from '../../../src/telemetry/temporal-logger';

const secret = 'what nobody may read';

describe('what Temporal logs', () => {
  const written = new PassThrough();
  const temporal = temporalLogger(createLogger('worker', 'trace', written));
  const lines = (): Record<string, unknown>[] =>
    String(written.read() ?? '')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  it('arrives as lines of ours, with its level and the identifiers', () => {
    temporal.warn('Activity failed', {
      workflowId: 'job-1',
      workflowType: 'orchestrationRun',
      activityType: 'detect.pii',
      attempt: 2,
      taskQueue: 'orchestrations',
      sdkComponent: 'worker',
    });
    expect(lines()).toEqual([
      expect.objectContaining({
        level: 'warn',
        service: 'worker',
        source: 'temporal',
        message: 'Activity failed',
        workflowId: 'job-1',
        activityType: 'detect.pii',
        attempt: 2,
      }),
    ]);
  });

  it('loses everything else: errors, inputs, headers, stacks', () => {
    temporal.error('Activity failed', {
      workflowId: 'job-1',
      error: new Error(secret),
      err: new Error(secret),
      args: [secret],
      headers: { key: secret },
      stack: secret,
    });
    temporal.error(`Workflow task failed\n    at ${secret}`, { error: new Error(secret) });
    const logged = lines();
    expect(logged).toHaveLength(2);
    expect(JSON.stringify(logged)).not.toContain(secret);
    expect(logged[1]!['message']).toBe('Workflow task failed');
  });

  it('is heard from warnings up', () => {
    temporal.info('polling');
    temporal.debug('polling');
    expect(lines()).toEqual([]);
  });

  it('may come without fields', () => {
    temporal.warn('shutting down');
    expect(lines()).toMatchObject([{ message: 'shutting down', source: 'temporal' }]);
  });
});
