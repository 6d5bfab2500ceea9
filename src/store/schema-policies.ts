import type { ColumnType, Generated } from 'kysely';
import type { LoggedDecision } from '../contract/decision-log';
import type { SimulationStatus } from '../contract/simulation';
import type { Nullable, WithDefault } from './columns';

/** A candidate, the time that it is replayed on, and how far that is. */
export interface PolicySimulationTable {
  simulation_id: string;
  tenant_id: string;
  policy_bundle: string;
  candidate_version: string;
  candidate_digest: string;
  candidate_stored: boolean;
  /** The candidate itself. */
  document: Buffer;
  since: Date;
  until: Date;
  status: SimulationStatus;
  total: number;
  replayed: WithDefault<number>;
  /** Where the next page begins. */
  after_at: Nullable<Date>;
  after_id: Nullable<string>;
  /** Encrypted for the tenant. */
  report: Nullable<Buffer>;
  error: Nullable<string>;
  created_at: Date;
  started_at: Nullable<Date>;
  completed_at: Nullable<Date>;
}

export interface PolicyDecisionTable {
  /** A bigint, as text. */
  sequence: Generated<string>;
  decision_id: string;
  request_id: string;
  tenant_id: string;
  policy_bundle: string;
  policy_version: string;
  policy_digest: string;
  decision: LoggedDecision['decision'];
  input_digest: string;
  outcome: LoggedDecision['outcome'];
  result: LoggedDecision['result'];
  detail: string | null;
  duration_ms: number;
  at: Date;
}

export interface PolicyShadowTable {
  tenant_id: string;
  policy_bundle: string;
  shadow_id: string;
  version: string;
  digest: string;
  percent: number;
  started_at: Date;
  started_by: string;
  expires_at: Date;
  ended_at: Nullable<Date>;
  revision: string;
  /** Bigints, as text. */
  dropped: ColumnType<string, number | undefined, number>;
  failed: ColumnType<string, number | undefined, number>;
  /** Encrypted for the tenant. */
  report: Nullable<Buffer>;
}
