import type { Generated } from 'kysely';
import type { WithDefault } from './columns';

/** Numbers are bigints, as text. */
export interface AuditTables {
  audit: {
    sequence: Generated<string>;
    tenant_id: string;
    request_id: string;
    kind: string;
    record: string;
    created_at: Generated<Date>;
  };
  /** What ties a row of `audit` to the one before it of the same tenant. */
  audit_link: {
    sequence: string;
    tenant_id: string;
    /** Within the tenant's chain, from 1. */
    position: string;
    /** Of the row. */
    digest: Buffer;
    /** Hash of the link before. */
    previous: Buffer;
    hash: Buffer;
  };
  audit_checkpoint: {
    tenant_id: string;
    position: string;
    hash: Buffer;
    signed_at: Date;
    key_id: string;
    signature: Buffer;
  };
  /** Up to where a chain was removed, since it was past its retention. */
  audit_mark: {
    tenant_id: string;
    position: string;
    hash: Buffer;
    sequence: string;
    created_at: Generated<Date>;
  };
  /** One row. */
  audit_sealing: {
    only_one: WithDefault<boolean>;
    /** Every number up to here is a link, or on record as one that no row has. */
    floor: string;
    /** The last row from before there were chains. */
    chained_from: string;
  };
}
