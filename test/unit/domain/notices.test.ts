import type { Happening, Notice } from '../../../src/contract/notices';
import { notificationsSchema } from '../../../src/contract/notifications-config';
import { foldedInto, targetsOf } from '../../../src/domain/notices';
import { worded } from '../../../src/domain/notice-text';

const at = (minute: number) => `2026-11-22T06:${String(minute).padStart(2, '0')}:00.000Z`;
const happening = (changes: Partial<Happening> = {}): Happening => ({
  event: 'upstream_unhealthy',
  tenant_id: null,
  subject: 'pii@1.0',
  reason: null,
  ...changes,
});
const nothing: Notice = { happened: [], omitted: 0 };
const noticeOf = (...happenings: readonly Happening[]) =>
  happenings.reduce((notice, each, n) => foldedInto(notice, each, at(n % 60)), nothing);

describe('Who is told', () => {
  const smtp = { host: 'smtp.example.org', from: 'conclave@example.org' };
  const { recipients } = notificationsSchema.parse({
    smtp,
    recipients: [
      { emails: ['oncall@example.org'], webhooks: ['https://hooks.example/ops'] },
      { tenant_id: 'acme', emails: ['safety@acme.example', 'oncall@example.org'] },
      { tenant_id: 'other', emails: ['safety@other.example'] },
      { events: ['audit_broken'], emails: ['audit@example.org'] },
    ],
  });
  const told = (changes: Partial<Happening>) => targetsOf(recipients, happening(changes)).map(({ to }) => to);

  it('of the installation is who is named for no tenant', () => {
    expect(told({})).toEqual(['oncall@example.org', 'https://hooks.example/ops']);
  });

  it('of a tenant is who is named for it, and who is named for all, each once', () => {
    expect(told({ event: 'callback_given_up', tenant_id: 'acme' })).toEqual([
      'oncall@example.org',
      'safety@acme.example',
      'https://hooks.example/ops',
    ]);
  });

  it('is who has asked for such events', () => {
    expect(told({ event: 'audit_broken' })).toContain('audit@example.org');
  });
});

describe('A notice', () => {
  it('tells once, with a count, what has happened a hundred times', () => {
    const flapping = Array.from({ length: 50 }, () => [
      happening(),
      happening({ event: 'upstream_recovered' }),
    ]);
    const notice = noticeOf(...flapping.flat());
    expect(notice.happened).toMatchObject([
      { event: 'upstream_unhealthy', times: 50, first_at: at(0) },
      { event: 'upstream_recovered', times: 50, first_at: at(1) },
    ]);
    const { subject, text } = worded(notice, 'production');
    expect(subject).toBe('[Conclave production] 100 events: upstream unhealthy, upstream recovered');
    expect(text.split('\n')).toHaveLength(3);
    expect(text).toContain('upstream unhealthy: pii@1.0, 50 times');
  });

  it('of one thing says in its subject what it is', () => {
    const notice = noticeOf(
      happening({ event: 'callback_given_up', tenant_id: 'acme', subject: 'job-1', reason: 'http_status' }),
    );
    expect(worded(notice, 'staging')).toEqual({
      subject: '[Conclave staging] callback given up: job-1',
      text: `${at(0)}  callback given up: job-1 (tenant acme; http_status)\n`,
    });
  });

  it('has an end, however much happens', () => {
    const notice = noticeOf(
      ...Array.from({ length: 150 }, (_, n) => happening({ subject: `upstream-${n}` })),
    );
    expect([notice.happened.length, notice.omitted]).toEqual([100, 50]);
    expect(worded(notice, 'test').subject).toContain('150 events');
    expect(worded(notice, 'test').text).toContain('and 50 more');
  });

  it.each(['\r\nBcc: eve@example.org', '\u2028next', '\0', '\u202egnp.exe'])(
    'has one line for each thing, whatever %j is in its name',
    (odd) => {
      const { subject, text } = worded(noticeOf(happening({ subject: `pii${odd}` })), 'test');
      expect(subject).toMatch(/^[ -~]+$/);
      expect(text.split('\n')).toHaveLength(2);
    },
  );
});
