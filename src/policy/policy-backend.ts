import type { ChangedHead, CommitOutcome, PolicyCommit, StoredState } from '../contract/policy-store';

/** Hears of a bundle that cannot be read; what was known of it goes on. */
export type OnUnreadable = (tenantId: string, bundle: string | null, error: unknown) => void;

/** Where versions of policies are kept: files or PostgreSQL. What a change means is decided before it gets here. */
export interface PolicyBackend {
  readonly kind: 'file' | 'postgres';
  read(tenantId: string, bundle: string): Promise<StoredState | null>;
  /** All or nothing, with its audit record. */
  commit(change: PolicyCommit): Promise<CommitOutcome>;
  /** Heads that have changed since it was asked last; at first all of them. */
  news(): Promise<readonly ChangedHead[]>;
  /** Documents are never deleted: a running orchestration may need any that has ever decided. */
  document(digest: string): Promise<Buffer | null>;
}
