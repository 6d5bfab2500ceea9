import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Webhook } from 'standardwebhooks';
import { makeCertificates } from '../../support/certificates';
import { eventually } from '../../support/eventually';
import { MockUpstream } from '../../support/mock-upstream';
import { account, type ReceivedMail, SmtpSink } from '../../support/smtp-sink';
import { System } from '../../support/system';
import { calling, secret } from '../callbacks/support';
import { submitJob } from '../core/job-support';

const detectors = ['a', 'b', 'c', 'd', 'e'];
const ops = 'oncall@example.org';
const safety = 'safety@demo.example';

describe('Operators', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'conclave-mail-'));
  const sink = new SmtpSink();
  const hook = new MockUpstream();
  let system: System;
  beforeAll(async () => {
    makeCertificates(folder);
    const port = await sink.listen(folder);
    await hook.listen();
    hook.answer(204);
    system = await System.start({
      detectors,
      policies: { 'demo/default': { policy: { required_detectors: ['a'] } } },
      env: {
        ...calling,
        ORCHESTRATION_CALLBACKS__RETRY_SECONDS: '[0.1]',
        ORCHESTRATION_SECURITY__WEBHOOK_SECRET: secret,
        TEST_SMTP_PASSWORD: account.password,
        ORCHESTRATION_NOTIFICATIONS__MAIL_INTERVAL_SECONDS: '86400',
        ORCHESTRATION_NOTIFICATIONS__RETRY_SECONDS: '[0.1, 0.1, 0.1]',
        ORCHESTRATION_NOTIFICATIONS__SMTP: JSON.stringify({
          host: '127.0.0.1',
          port,
          username: account.user,
          password_ref: 'env:TEST_SMTP_PASSWORD',
          ca_ref: `file:${path.join(folder, 'ca.pem')}`,
          from: 'conclave@example.org',
        }),
        ORCHESTRATION_NOTIFICATIONS__RECIPIENTS: JSON.stringify([
          { events: ['breaker_opened'], emails: [ops], webhooks: [`${hook.url}/ops`] },
          { tenant_id: 'demo', emails: [safety] },
        ]),
      },
    });
  });
  beforeEach(async () => {
    sink.reset();
    hook.seen.splice(0);
    await system.db.query('delete from notice');
  });
  afterAll(async () => {
    await system?.stop();
    await sink.close();
    hook.close();
    rmSync(folder, { recursive: true });
  });

  const breaker = async (action: 'trip' | 'reset', name: string) =>
    expect((await system.request('POST', `/circuit-breaker/${action}/${name}`)).status).toBe(200);
  const mailed = (atLeast = 1): Promise<readonly ReceivedMail[]> =>
    eventually(
      () => sink.mails,
      (mails) => mails.length >= atLeast,
      { withinMs: 60_000 },
    );
  const status = async (of: string) => {
    const { rows } = await system.db.query<{ status: string; attempts: number; error: string | null }>(
      `select status, attempts, error from notice where target = $1 and status <> 'open'`,
      [of],
    );
    return rows;
  };
  const settled = (of: string, as: 'delivered' | 'failed') =>
    eventually(
      () => status(of),
      (rows) => rows.some((row) => row.status === as),
      { withinMs: 90_000 },
    );

  it('get a mail, over TLS and with a login, when a circuit breaker opens', async () => {
    await breaker('trip', 'a');
    const [mail] = await mailed();
    expect(mail).toMatchObject({
      from: 'conclave@example.org',
      to: [ops],
      user: account.user,
      secure: true,
    });
    expect(mail!.head).toContain('Subject: [Conclave development] circuit breaker opened: a@1.0');
    expect(mail!.text).toContain('circuit breaker opened: a@1.0 (trip)');
    await settled(ops, 'delivered');
    expect(sink.mails).toHaveLength(1);
    await breaker('reset', 'a');
  });

  it('get one mail, and later one more, of what goes on and off', async () => {
    await breaker('trip', 'b');
    await mailed();
    await settled(ops, 'delivered');
    for (let time = 0; time < 12; time++) {
      await breaker('reset', 'b');
      await breaker('trip', 'b');
    }
    const { rows } = await system.db.query<{ notice: object }>(
      `select notice from notice where status = 'open' and target = $1`,
      [ops],
    );
    expect(rows).toMatchObject([{ notice: { happened: [{ subject: 'b@1.0', times: 12 }] } }]);
    expect(sink.mails).toHaveLength(1);
    await system.db.query(`update notice set look_at = now() where status = 'open'`);
    const [, later] = await mailed(2);
    expect(later!.text).toContain('b@1.0, 12 times');
    await breaker('reset', 'b');
  });

  it('have webhooks told, too, signed', async () => {
    await breaker('trip', 'c');
    const [{ body, headers, url }] = (await eventually(
      () => hook.seen,
      (seen) => seen.length > 0,
    )) as [(typeof hook.seen)[number]];
    expect(url).toBe('/ops');
    expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toMatchObject({
      notice_id: headers['webhook-id'],
      happened: [{ event: 'breaker_opened', subject: 'c@1.0', times: 1 }],
      omitted: 0,
    });
    await breaker('reset', 'c');
  });

  it('of a tenant are told of its callbacks, without content and address, and of nobody else', async () => {
    const receiver = new MockUpstream();
    await receiver.listen();
    receiver.answer(500);
    const marker = `marker-${randomUUID()}`;
    const jobId = await submitJob(system, {
      content: `about ${marker}`,
      metadata: { callback_url: `${receiver.url}/${marker}` },
    });
    const [{ to, head, text }] = (await mailed()) as [ReceivedMail];
    receiver.close();
    expect(to).toEqual([safety]);
    expect(head).toContain(`callback given up: ${jobId}`);
    expect(text).toContain('(tenant demo; http_status)');
    expect(`${head}${text}`).not.toContain(marker);
    expect(sink.mails).toHaveLength(1);
  });

  it('get it later when the server says not now, as the same mail', async () => {
    sink.refusal = { at: 'mail', code: 451 };
    await breaker('trip', 'd');
    await eventually(
      () => status(ops),
      (rows) => rows.some(({ error }) => error === 'not_now'),
    );
    sink.refusal = null;
    const [mail] = await settled(ops, 'delivered');
    expect(mail!.attempts).toBeGreaterThan(1);
    expect(sink.mails).toHaveLength(1);
    await breaker('reset', 'd');
  });

  it('do not get what the server refuses for good', async () => {
    sink.refusal = { at: 'recipient', code: 550 };
    await breaker('trip', 'd');
    expect(await settled(ops, 'failed')).toMatchObject([{ attempts: 1, error: 'refused' }]);
    await breaker('reset', 'd');
  });

  it('get it though the worker was killed before it knew, under the same id', async () => {
    for (const part of system.parts) if (part.kind === 'worker') await part.kill();
    const doomed = await system.startPart('worker', { CONCLAVE_PAUSE_AT: 'notified' });
    await breaker('trip', 'e');
    const [first] = await mailed();
    await doomed.paused('notified');
    await doomed.kill();
    await system.startPart('worker');
    await settled(ops, 'delivered');
    const ids = sink.mails.filter(({ to }) => to.includes(ops)).map(({ head }) => messageId(head));
    expect(ids.length).toBeGreaterThan(1);
    expect(new Set(ids)).toEqual(new Set([messageId(first!.head)]));
  }, 180_000);

  it('are told of an audit log that somebody has changed', async () => {
    const sealed = async () => {
      const { rows } = await system.db.query<{ sequence: string }>(
        `select sequence from audit_link where tenant_id = 'demo' limit 1`,
      );
      return rows;
    };
    const [row] = await eventually(sealed, (rows) => rows.length > 0);
    await system.db.query('alter table audit disable trigger user');
    await system.db.query(`update audit set kind = 'other' where sequence = $1`, [row!.sequence]);
    await system.db.query('alter table audit enable trigger user');
    expect((await system.request<{ intact: boolean }>('GET', '/audit/verify')).body.intact).toBe(false);
    const [mail] = await mailed();
    expect(mail).toMatchObject({ to: [safety] });
    expect(mail!.text).toContain('audit log is not what was sealed: demo (tenant demo)');
  });

  it('leave neither addresses nor the password in logs and durable history', async () => {
    const { rows } = await system.db.query<{ notice_id: string }>(`select notice_id from notice`);
    const histories = await Promise.all(
      rows.map(({ notice_id }) =>
        system.temporal.workflow
          .getHandle(`notice-${notice_id}`)
          .fetchHistory()
          .catch(() => null),
      ),
    );
    const written = `${JSON.stringify(histories)}${system.parts.map(({ log }) => log).join('')}`;
    for (const hidden of [ops, safety, account.password]) expect(written).not.toContain(hidden);
    expect(written).toContain('a notice was delivered');
  });
});

function messageId(head: string): string {
  return /^Message-ID: (\S+)$/m.exec(head)![1]!;
}
