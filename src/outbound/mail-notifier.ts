import { createTransport } from 'nodemailer';
import type { NoticeFault, NoticeMessage, Notifier } from '../contract/notices';
import type { SmtpSettings } from '../contract/notifications-config';
import { CredentialsError } from './credentials-error';
import type { SecretSource } from './secrets';

const patienceMs = 10_000;

/** Tells people, through the SMTP server of the settings. */
export class MailNotifier implements Notifier {
  readonly #domain: string;

  constructor(
    private readonly smtp: SmtpSettings,
    private readonly secrets: Pick<SecretSource, 'read' | 'forget'>,
  ) {
    this.#domain = smtp.from.slice(smtp.from.lastIndexOf('@') + 1);
  }

  async send({ id, to, subject, text }: NoticeMessage): Promise<NoticeFault | null> {
    try {
      const transport = await this.#connect();
      await transport.sendMail({
        from: this.smtp.from,
        to,
        subject,
        text,
        // By it mail programs know a repetition.
        messageId: `<${id}@${this.#domain}>`,
        headers: { 'Auto-Submitted': 'auto-generated' },
      });
      return null;
    } catch (error) {
      const fault = faultOf(error);
      const { password_ref: reference } = this.smtp;
      if (fault === 'login_failed' && reference !== null) this.secrets.forget(reference);
      return fault;
    }
  }

  /** Anew for each mail: they are few, and what the settings refer to may have changed. */
  async #connect() {
    const { host, port, tls, username, password_ref, ca_ref } = this.smtp;
    const [password, ca] = await Promise.all([this.#secret(password_ref), this.#secret(ca_ref)]);
    return createTransport({
      host,
      port,
      name: this.#domain,
      secure: tls === 'implicit',
      requireTLS: tls === 'starttls',
      ignoreTLS: tls === 'none',
      tls: { minVersion: 'TLSv1.2', ...(ca !== null && { ca }) },
      ...(username !== null && { auth: { user: username, pass: password! } }),
      connectionTimeout: patienceMs,
      greetingTimeout: patienceMs,
      socketTimeout: patienceMs,
      dnsTimeout: patienceMs,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
  }

  async #secret(reference: string | null): Promise<string | null> {
    return reference === null ? null : this.secrets.read(reference);
  }
}

/** What the server refuses for good is refused; what is wrong with the way to it may be mended. */
function faultOf(error: unknown): NoticeFault {
  if (error instanceof CredentialsError) return 'secret_unavailable';
  const { code, responseCode = 0 } = error as { readonly code?: string; readonly responseCode?: number };
  if (code === 'EAUTH') return 'login_failed';
  if (code === 'ETLS' || isCertificateFault(error)) return 'tls_failed';
  if (responseCode >= 500) return 'refused';
  if (responseCode >= 400) return 'not_now';
  return code === 'ETIMEDOUT' ? 'timeout' : 'connection_failed';
}

function isCertificateFault(error: unknown): boolean {
  const {
    code,
    cause,
    message = '',
  } = error as {
    readonly code?: string;
    readonly cause?: { readonly code?: string };
    readonly message?: string;
  };
  return /CERT|SSL|SELF_SIGNED|UNABLE_TO_/.test(`${code} ${cause?.code}`) || /certificate/.test(message);
}
