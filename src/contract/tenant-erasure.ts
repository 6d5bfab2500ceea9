/** What the workflow of an erasure and its activities tell each other: references only. */
export interface TenantOperationInput {
  readonly operation_id: string;
}

/** A step that works for some time, from where the store says that it was left. */
export interface Shift {
  readonly done: boolean;
}

export interface TenantErasureActivities {
  /** Ends credentials, jobs, simulations, policies and detectors of the tenant; nothing new is taken on already. */
  stopTenant(input: TenantOperationInput): Promise<void>;
  /** Waits for what runs. */
  drainTenant(input: TenantOperationInput): Promise<Shift>;
  destroyTenantKeys(input: TenantOperationInput): Promise<void>;
  /** Done when there was nothing to delete. */
  eraseTenantRows(input: TenantOperationInput): Promise<Shift>;
  eraseTenantHistories(input: TenantOperationInput): Promise<Shift>;
  finishErasure(input: TenantOperationInput): Promise<void>;
}
