import type { Shift, TenantOperationInput } from './tenant-erasure';

export interface TenantExportActivities {
  /** Writes page after page for some time, from where the store says that it was left. */
  exportTenantPages(input: TenantOperationInput): Promise<Shift>;
  /** Makes the manifest out of what was written. */
  finishExport(input: TenantOperationInput): Promise<void>;
  /** Of one that did not come to its end by itself. */
  failExport(input: TenantOperationInput & { readonly error: string }): Promise<void>;
}
