import type { ReportSignature } from '../contract/signed-report';
import { type AuditKeys, TrustedKeys } from './audit-keys';

/**
 * Signs a report by the key that signs the audit log.
 * @param what it reports, as a path such as `tenant/export`: one kind of report is never taken for another
 */
export function signedReport<R extends object>(
  keys: Pick<AuditKeys, 'id' | 'publicKey' | 'sign'>,
  what: string,
  report: R,
): { readonly report: R; readonly signature: ReportSignature } {
  const value = keys.sign(reportText(what, report)).toString('base64');
  return {
    report,
    signature: { algorithm: 'ed25519', key_id: keys.id, public_key: keys.publicKey, value },
  };
}

/** Whether the key that a signature names has made it; whose key that is, is another question. */
export function isSigned(what: string, report: object, signature: ReportSignature): boolean {
  const { key_id: id, public_key: key, value } = signature;
  try {
    const named = new TrustedKeys([key]);
    return named.verify(id, reportText(what, report), Buffer.from(value, 'base64')) === 'valid';
  } catch {
    // What it names is no key.
    return false;
  }
}

function reportText(what: string, report: object): Buffer {
  return Buffer.from(`conclave/${what}/1\n${JSON.stringify(report)}`);
}
