import { execFileSync } from 'node:child_process';

/** An authority, and a server and a client that it signed for. @param more clients, with their subject and other names */
export function makeCertificates(
  folder: string,
  more: readonly (readonly [name: string, subject: string, san: string])[] = [],
): void {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-subj',
    '/CN=authority',
    '-days',
    '2',
  );
  for (const [name, subject, san] of [
    ['server', '/CN=localhost', 'DNS:localhost,IP:127.0.0.1'],
    ['client', '/CN=conclave', 'DNS:conclave'],
    ...more,
  ] as const) {
    const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-days', '2', '-addext', `subjectAltName=${san}`];
    openssl(
      'req',
      '-x509',
      ...key,
      ...signed,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
      '-subj',
      subject,
    );
  }
}
