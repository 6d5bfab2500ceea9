import type { ColumnType, Generated } from 'kysely';
import type { keyRotationStatuses } from '../contract/keys-api';
import type { Nullable, WithDefault } from './columns';

/** A version of a tenant's data key. */
export interface TenantKeyTable {
  tenant_id: string;
  version: WithDefault<number>;
  /** Null once destroyed: nothing that was sealed for the tenant can be read again. */
  wrapped_key: Nullable<Buffer>;
  /** By which it is wrapped; null: from before keys said so. */
  master_key_id: Nullable<string>;
  /** As it was wrapped before the last rotation. */
  previous_wrapped_key: Nullable<Buffer>;
  previous_master_key_id: Nullable<string>;
  created_at: Generated<Date>;
  destroyed_at: Nullable<Date>;
  revision: WithDefault<string>;
}

/** Master keys in the order of their use, by id. At most one is not replaced. */
export interface MasterKeyTable {
  key_id: string;
  used_at: WithDefault<Date>;
  replaced_at: Nullable<Date>;
}

export interface KeyRotationTable {
  rotation_id: string;
  /** `master`; `tenants`: of all; `tenant/` and whose. */
  scope: string;
  status: WithDefault<(typeof keyRotationStatuses)[number]>;
  /** Of all tenants' keys null, as is what follows. */
  from_key: Nullable<string>;
  to_key: Nullable<string>;
  keys_total: WithDefault<number>;
  keys_done: WithDefault<number>;
  error: Nullable<string>;
  started_by: string;
  /** Of those that take their time. */
  workflow_id: Nullable<string>;
  /** Of a tenant's key: the rotation of all. */
  part_of: Nullable<string>;
  started_at: Generated<Date>;
  completed_at: Nullable<Date>;
}

/** Which master keys a process holds, by id. */
export interface KeyHolderTable {
  process_id: string;
  key_ids: ColumnType<unknown, string, string>;
  seen_at: WithDefault<Date>;
}
