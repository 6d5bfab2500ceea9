import { asTenant, type Db } from './database';
import { type AuditRow, recordAudit } from './audit-log';
import type { EndedOrchestration, Orchestrations } from './orchestrations';
import type { Claim, Runs } from './runs';

/** An answer that needed no run, and must be found again: by its key, or by its job. */
export interface Hit extends EndedOrchestration {
  /** Null when there is none, or it is held already. */
  readonly claim: Claim | null;
  readonly audit: AuditRow;
}

/** Records hits: claim, outcome and audit record in one transaction, as `publish` does for runs. */
export class HitRecords {
  constructor(
    private readonly db: Db,
    private readonly runs: Runs,
    private readonly orchestrations: Orchestrations,
  ) {}

  /** @returns false when another request holds the key: nothing was recorded */
  async record(hit: Hit): Promise<boolean> {
    const db = asTenant(this.db, hit.tenantId);
    return db.transaction().execute(async (tx) => {
      if (hit.claim !== null && !(await this.runs.claim(hit.claim, hit.requestId, tx))) return false;
      await this.orchestrations.recordEnded(hit, tx);
      await recordAudit(tx, hit.audit);
      return true;
    });
  }
}
