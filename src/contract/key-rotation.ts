/** What the workflow of a rotation and its activities tell each other: references only. */
export interface KeyRotationInput {
  readonly rotation_id: string;
}

export interface KeyRotationActivities {
  /** Makes a new master key, or takes the one that was given, sees that every process holds it, and has it wrap. */
  installMasterKey(input: KeyRotationInput): Promise<void>;
  /** Wraps data keys anew for some time, from where the store says that it was left. */
  rewrapKeys(input: KeyRotationInput): Promise<{ readonly done: boolean }>;
  /** Fails unless every data key can be opened with the new master key, and is the one that it was. */
  verifyKeys(input: KeyRotationInput): Promise<void>;
  finishRotation(input: KeyRotationInput): Promise<void>;
  /** Of one that failed: has the old master key wrap everything again. */
  restoreKeys(input: KeyRotationInput & { readonly error: string }): Promise<void>;
}

export interface TenantKeyRotationInput {
  /** Null: the schedule asks for one that is not on record yet. */
  readonly rotation_id: string | null;
}

export interface TenantKeyRotationActivities {
  /** Puts a rotation on record as this workflow's, unless another is under way. */
  recordScheduledRotation(input: KeyRotationInput): Promise<{ readonly begun: boolean }>;
  /** Gives tenants new keys for some time, from where the store says that it was left. */
  rotateTenantKeys(input: KeyRotationInput): Promise<{ readonly done: boolean }>;
  /** @param error why tenants are left whose turn has not come; null: none are */
  endTenantKeyRotation(input: KeyRotationInput & { readonly error: string | null }): Promise<void>;
}
