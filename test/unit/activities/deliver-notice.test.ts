import { ApplicationFailure } from '@temporalio/activity';
import { createNoticeActivities, type NoticeDependencies } from '../../../src/activities/deliver-notice';
import type { NoticeFault, NoticeMessage } from '../../../src/contract/notices';

const delivery = { notice_id: '8f14e45f-ceea-467f-a2d1-3f1c0c4b7a10' };
const line = {
  event: 'breaker_opened' as const,
  tenant_id: null,
  subject: 'pii',
  reason: 'failures',
  times: 1,
  first_at: '2026-11-22T06:00:00.000Z',
  last_at: '2026-11-22T06:00:00.000Z',
};

describe('Telling operators', () => {
  let written: unknown[];
  let told: string[];
  let sent: NoticeMessage[];
  beforeEach(() => {
    [written, told, sent] = [[], [], []];
  });

  function deliver(fault: NoticeFault | null, number = 1, changes: Partial<NoticeDependencies> = {}) {
    return createNoticeActivities({
      notices: {
        begin: async () => ({
          channel: 'email',
          to: 'oncall@example.org',
          notice: { happened: [line], omitted: 0 },
          number,
        }),
        settle: async (_delivery, status, error) => void written.push([status, error]),
        postpone: async (_delivery, ms, error) => void written.push([ms, error]),
      },
      notifiers: {
        email: {
          send: async (message) => {
            sent.push(message);
            return fault;
          },
        },
        webhook: null,
      },
      environment: 'production',
      retrySeconds: [1, 5],
      random: () => 0.5,
      told: (channel, result) => void told.push(`${channel} ${result}`),
      log: { info: () => undefined, warn: () => undefined },
      pause: () => Promise.resolve(),
      ...changes,
    }).deliverNotice(delivery);
  }

  it('is over when it was taken', async () => {
    expect(await deliver(null)).toBe('delivered');
    expect([written, told]).toEqual([[['delivered', null]], ['email delivered']]);
    expect(sent).toMatchObject([
      {
        id: delivery.notice_id,
        to: 'oncall@example.org',
        subject: '[Conclave production] circuit breaker opened: pii',
      },
    ]);
  });

  it.each([
    ['not_now', 1, 1050],
    ['login_failed', 2, 5250],
    ['tls_failed', 1, 1050],
  ] as const)('is repeated for %s at attempt %i after %i ms', async (fault, number, wait) => {
    const failure = await deliver(fault, number).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ApplicationFailure);
    expect(failure).toMatchObject({ type: fault, nextRetryDelay: wait, nonRetryable: false });
    expect([written, told]).toEqual([[[wait, fault]], ['email retried']]);
  });

  it.each([
    ['refused', 1],
    ['not_now', 3],
  ] as const)('is given up for %s at attempt %i', async (fault, number) => {
    expect(await deliver(fault, number)).toBe('failed');
    expect([written, told]).toEqual([[['failed', fault]], ['email failed']]);
  });

  it('is given up when the settings know no way to any more', async () => {
    expect(await deliver(null, 1, { notifiers: { email: null, webhook: null } })).toBe('failed');
    expect(written).toEqual([['failed', 'not_configured']]);
  });
});
