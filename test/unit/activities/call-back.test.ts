import { ApplicationFailure } from '@temporalio/activity';
import { type CallbackDependencies, createCallbackActivities } from '../../../src/activities/call-back';

const delivery = { callback_id: 'job-1', tenant_id: 'acme', replays: 0 };
type Sent = Awaited<ReturnType<CallbackDependencies['send']>>;

describe('Calling back', () => {
  let written: unknown[];
  let told: string[];
  beforeEach(() => {
    [written, told] = [[], []];
  });

  function deliver(
    answer: Partial<Sent>,
    { number = 1, body = Buffer.from('{}') }: { number?: number; body?: Buffer | null } = {},
  ) {
    return createCallbackActivities({
      callbacks: {
        begin: () => Promise.resolve({ url: 'https://hooks.example/', number }),
        settle: async (_delivery, status, result) => void written.push([status, result]),
        postpone: async (_delivery, ms, result) => void written.push([ms, result]),
      },
      bodyOf: () => Promise.resolve(body),
      send: () => Promise.resolve({ status: null, fault: null, retryAfterMs: null, ...answer }),
      retrySeconds: [1, 5],
      random: () => 0.5,
      told: (result) => void told.push(result),
      log: { info: () => undefined, warn: () => undefined },
      pause: () => Promise.resolve(),
    }).deliverCallback(delivery);
  }

  it('is over when the receiver has taken it', async () => {
    expect(await deliver({ status: 204 })).toBe('delivered');
    expect([written, told]).toEqual([[['delivered', { httpStatus: 204, fault: null }]], ['delivered']]);
  });

  it.each([
    ['as planned', 1, null, 1050],
    ['the second time', 2, null, 5250],
    ['when the receiver asks for more', 1, 60_000, 60_000],
    ['sooner than the receiver asks for, before the job is forgotten', 1, 10 ** 9, 6 * 60 * 60_000],
  ])('is repeated %s', async (_how, number, retryAfterMs, wait) => {
    const failure = await deliver({ status: 503, fault: 'http_status', retryAfterMs }, { number }).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(ApplicationFailure);
    expect(failure).toMatchObject({ type: 'http_status', nextRetryDelay: wait, nonRetryable: false });
    expect([written, told]).toEqual([[[wait, { httpStatus: 503, fault: 'http_status' }]], ['retried']]);
  });

  it.each([
    ['http_status', 3],
    ['receiver_gone', 1],
    ['target_refused', 1],
  ] as const)('is given up for %s at attempt %i', async (fault, number) => {
    expect(await deliver({ fault }, { number })).toBe('failed');
    expect([written, told]).toEqual([[['failed', { httpStatus: null, fault }]], ['failed']]);
  });

  it('ends with the job', async () => {
    expect(await deliver({}, { body: null })).toBe('gone');
    expect(written).toEqual([]);
  });
});
