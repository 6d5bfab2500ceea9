import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { notificationsSchema, type SmtpSettings } from '../../../src/contract/notifications-config';
import { CredentialsError } from '../../../src/outbound/credentials-error';
import { MailNotifier } from '../../../src/outbound/mail-notifier';
import { freePort } from '../../../src/embedded/ports';
import { makeCertificates } from '../../support/certificates';
import { account, SmtpSink } from '../../support/smtp-sink';

const message = {
  id: '8f14e45f-ceea-467f-a2d1-3f1c0c4b7a10',
  to: 'oncall@example.org',
  subject: '[Conclave test] circuit breaker opened: pii',
  text: '2026-11-22T06:00:00.000Z  circuit breaker opened: pii (failures)\n',
  notice: { happened: [], omitted: 0 },
};

describe('Mail', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'conclave-mail-'));
  const sink = new SmtpSink();
  let port: number;
  let password: string;
  let forgotten: string[];
  const closing: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    makeCertificates(folder);
    port = await sink.listen(folder);
  });
  beforeEach(() => {
    sink.reset();
    [password, forgotten] = [account.password, []];
  });
  afterAll(async () => {
    await sink.close();
    for (const close of closing) await close();
    rmSync(folder, { recursive: true });
  });

  const smtp = (changes: object = {}): SmtpSettings =>
    notificationsSchema.parse({
      smtp: {
        host: '127.0.0.1',
        port,
        username: account.user,
        password_ref: 'env:SMTP_PASSWORD',
        ca_ref: 'file:ca.pem',
        from: 'conclave@example.org',
        ...changes,
      },
    }).smtp!;

  const send = (settings = smtp(), changes: object = {}) =>
    new MailNotifier(settings, {
      read: async (reference) => {
        if (reference === 'file:ca.pem') return readFileSync(path.join(folder, 'ca.pem'), 'utf8');
        if (reference === 'env:SMTP_PASSWORD') return password;
        throw new CredentialsError(`${reference} holds no secret`);
      },
      forget: (reference) => void forgotten.push(reference),
    }).send({ ...message, ...changes });

  /** Another server, for a test. */
  async function another(
    options: Parameters<SmtpSink['listen']>[1],
  ): Promise<{ at: number; sink: SmtpSink }> {
    const other = new SmtpSink();
    closing.push(() => other.close());
    return { at: await other.listen(folder, options), sink: other };
  }

  it('goes to one address over STARTTLS, with a login, and says what it is', async () => {
    expect(await send()).toBeNull();
    expect(sink.mails).toMatchObject([
      { from: 'conclave@example.org', to: ['oncall@example.org'], user: account.user, secure: true },
    ]);
    const { head, text } = sink.mails[0]!;
    expect(head).toContain(`Message-ID: <${message.id}@example.org>`);
    expect(head).toContain('Auto-Submitted: auto-generated');
    expect(head).toContain(`Subject: ${message.subject}`);
    expect(text).toContain('circuit breaker opened: pii (failures)');
  });

  it('goes nowhere, and tells no password, where STARTTLS is not offered', async () => {
    const { at, sink: plain } = await another({ disabledCommands: ['STARTTLS'], allowInsecureAuth: true });
    expect(await send(smtp({ port: at }))).toBe('tls_failed');
    expect([plain.mails, plain.logins]).toEqual([[], 0]);
  });

  it('goes nowhere when the certificate is of an authority that is not trusted', async () => {
    expect(await send(smtp({ ca_ref: null }))).toBe('tls_failed');
    expect([sink.mails, sink.logins]).toEqual([[], 0]);
  });

  it('goes over TLS from the first byte when the settings say so', async () => {
    const { at, sink: implicit } = await another({ secure: true });
    expect(await send(smtp({ port: at, tls: 'implicit' }))).toBeNull();
    expect(implicit.mails).toMatchObject([{ secure: true, user: account.user }]);
  });

  it('goes in the clear to a server on this machine when the settings say so', async () => {
    const { at, sink: local } = await another({ authOptional: true });
    expect(await send(smtp({ port: at, tls: 'none', username: null, password_ref: null }))).toBeNull();
    expect(local.mails).toMatchObject([{ secure: false }]);
  });

  it.each([
    ['recipient', 450, 'not_now'],
    ['mail', 451, 'not_now'],
    ['recipient', 550, 'refused'],
    ['mail', 554, 'refused'],
  ] as const)('whose %s is answered with %i: %s', async (at, code, fault) => {
    sink.refusal = { at, code };
    expect(await send()).toBe(fault);
  });

  it('with a wrong password may go another time, when it has been read anew', async () => {
    password = 'wrong';
    expect(await send()).toBe('login_failed');
    expect(forgotten).toEqual(['env:SMTP_PASSWORD']);
  });

  it('without its password may go another time', async () => {
    expect(await send(smtp({ password_ref: 'env:ABSENT' }))).toBe('secret_unavailable');
    expect(sink.logins).toBe(0);
  });

  it('finds nobody listening', async () => {
    expect(await send(smtp({ port: await freePort() }))).toBe('connection_failed');
  });

  it.each(['\r\nBcc: eve@example.org', '\nBcc: eve@example.org\n\nanother text'])(
    'gets no header by %j in its subject',
    async (attack) => {
      expect(await send(smtp(), { subject: `of a detector${attack}` })).toBeNull();
      const { head, to } = sink.mails[0]!;
      expect(to).toEqual(['oncall@example.org']);
      expect(head.split('\r\n').filter((line) => /^bcc/i.test(line))).toEqual([]);
    },
  );
});

describe('The settings of mail', () => {
  const from = 'conclave@example.org';
  it.each([
    ['TLS turned off elsewhere than on this machine', { host: 'smtp.example.org', tls: 'none', from }, 'tls'],
    [
      'a login in the clear',
      { host: 'localhost', tls: 'none', from, username: 'me', password_ref: 'env:P' },
      'username',
    ],
    ['a login without a password', { host: 'smtp.example.org', from, username: 'me' }, 'password_ref'],
    ['a sender with a header of its own', { host: 'a', from: 'a@b.org\r\nBcc: c@d.org' }, 'from'],
    ['a password in plain', { host: 'a', from, username: 'me', password_ref: 'hunter2' }, 'password_ref'],
  ])('may not have %s', (_what, smtp, field) => {
    const { error } = notificationsSchema.safeParse({ smtp });
    expect(error!.issues.map(({ path: at }) => at)).toContainEqual(['smtp', field]);
  });

  it('are needed for recipients of mail', () => {
    const { error } = notificationsSchema.safeParse({ recipients: [{ emails: ['a@b.org'] }] });
    expect(error!.issues.map(({ path: at }) => at)).toEqual([['smtp']]);
  });

  it.each(['a@b.org\nBcc: c@d.org', 'a@b.org, c@d.org', 'A <a@b.org>'])('know no recipient %j', (email) => {
    expect(
      notificationsSchema.safeParse({ smtp: { host: 'a', from }, recipients: [{ emails: [email] }] }).success,
    ).toBe(false);
  });
});
