import type {
  TenantOperationKind,
  TenantOperationReport,
  TenantReportSignature,
} from '../contract/tenant-operations';
import type { AuditKeys } from './audit-keys';

/** Signs what came of an operation on a tenant, by the key that signs the audit log. */
export function signedReport(
  keys: Pick<AuditKeys, 'id' | 'publicKey' | 'sign'>,
  kind: TenantOperationKind,
  report: TenantOperationReport,
): { readonly report: TenantOperationReport; readonly signature: TenantReportSignature } {
  const value = keys.sign(reportText(kind, report)).toString('base64');
  return {
    report,
    signature: { algorithm: 'ed25519', key_id: keys.id, public_key: keys.publicKey, value },
  };
}

function reportText(kind: TenantOperationKind, report: TenantOperationReport): Buffer {
  return Buffer.from(`conclave/tenant/${kind}/1\n${JSON.stringify(report)}`);
}
