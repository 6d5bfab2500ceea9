import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { AddressInfo } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  readonly user: string;
  readonly secure: boolean;
  /** As it came, its lines unfolded. */
  readonly head: string;
  readonly text: string;
}

export const account = { user: 'conclave', password: 'a password of the test' };

/** A real SMTP server that keeps what it is sent; it talks to those who log in over TLS. */
export class SmtpSink {
  readonly mails: ReceivedMail[] = [];
  /** How many have tried to log in. */
  logins = 0;
  /** Answers with this code instead of taking a recipient, or a mail; null: takes all. */
  refusal: { readonly at: 'recipient' | 'mail'; readonly code: number } | null = null;
  #server: SMTPServer | null = null;

  /** @param folder with certificates (makeCertificates) */
  async listen(folder: string, options: SMTPServerOptions = {}): Promise<number> {
    const server = new SMTPServer({
      key: readFileSync(path.join(folder, 'server.key')),
      cert: readFileSync(path.join(folder, 'server.pem')),
      onAuth: ({ username, password }, _session, done) => {
        this.logins += 1;
        if (username === account.user && password === account.password) done(null, { user: username });
        else done(refused(535));
      },
      onRcptTo: (_address, _session, done) =>
        done(this.refusal?.at === 'recipient' ? refused(this.refusal.code) : null),
      onData: (stream, session, done) => {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          if (this.refusal?.at === 'mail') return done(refused(this.refusal.code));
          const [head = '', ...rest] = Buffer.concat(chunks).toString().split('\r\n\r\n');
          const { mailFrom, rcptTo } = session.envelope;
          this.mails.push({
            from: mailFrom === false ? '' : mailFrom.address,
            to: rcptTo.map(({ address }) => address),
            user: String(session.user),
            secure: session.secure,
            head: head.replace(/\r\n[ \t]+/g, ' '),
            text: rest.join('\r\n\r\n').replace(/=\r\n/g, ''),
          });
          done();
        });
      },
      ...options,
    });
    // Clients that hang up are what some tests are about.
    server.on('error', () => undefined);
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
    return (server.server.address() as AddressInfo).port;
  }

  reset(): void {
    this.mails.splice(0);
    this.logins = 0;
    this.refusal = null;
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => (this.#server ? this.#server.close(resolve) : resolve()));
  }
}

function refused(responseCode: number): Error {
  return Object.assign(new Error('refused by the test'), { responseCode });
}
