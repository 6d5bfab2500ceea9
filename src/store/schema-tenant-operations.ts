import type { ColumnType, Generated } from 'kysely';
import type { ReportSignature } from '../contract/signed-report';
import type {
  TenantOperationKind,
  TenantOperationReport,
  TenantOperationStatus,
} from '../contract/tenant-operations';
import type { Nullable, WithDefault } from './columns';

type Json<T> = ColumnType<T, string | undefined, string>;

export interface TenantOperationTables {
  tenant_operation: {
    operation_id: string;
    tenant_id: string;
    kind: TenantOperationKind;
    status: WithDefault<TenantOperationStatus>;
    step: Nullable<string>;
    /** How many of what were dealt with. */
    progress: Json<Readonly<Record<string, number>>>;
    /** Where the next page of an export begins. */
    position: Json<{ readonly file: number; readonly after: string | null } | null>;
    asked: Json<unknown>;
    /** Of an onboarding, encrypted, until it is taken. */
    secret: Nullable<Buffer>;
    error: Nullable<string>;
    /** Kept as text: it is what was signed. */
    report: Json<TenantOperationReport | null>;
    signature: Json<ReportSignature | null>;
    started_by: string;
    request_id: string;
    started_at: Generated<Date>;
    completed_at: Nullable<Date>;
    expires_at: Nullable<Date>;
  };
  /** Lines of an export, compressed and encrypted for the tenant. */
  tenant_export_part: {
    operation_id: string;
    tenant_id: string;
    file: string;
    part: number;
    records: number;
    body: Buffer;
  };
}
