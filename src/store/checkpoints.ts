import type { DetectorResult } from '../contract/detector-result';
import type { Db } from './database';
import type { KeyRing } from './key-ring';

export interface Checkpoint {
  readonly runId: string;
  readonly tenantId: string;
  readonly requestId: string;
  readonly result: DetectorResult;
}

/** Table `member_result`: finished detector results of jobs, so that no crash buys them twice (design.md 7, 4). */
export class Checkpoints {
  constructor(
    private readonly db: Db,
    private readonly keys: KeyRing,
  ) {}

  async save(checkpoints: readonly Checkpoint[]): Promise<void> {
    if (checkpoints.length === 0) return;
    const rows = await Promise.all(
      checkpoints.map(async ({ runId, tenantId, requestId, result }) => ({
        run_id: runId,
        request_id: requestId,
        detector: result.detector,
        result: await this.keys.encryptFor(
          tenantId,
          Buffer.from(JSON.stringify(result)),
          contextOf(runId, requestId, result.detector),
        ),
      })),
    );
    await this.db
      .insertInto('member_result')
      .values(rows)
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  async load(runId: string, tenantId: string): Promise<{ requestId: string; result: DetectorResult }[]> {
    const rows = await this.db.selectFrom('member_result').selectAll().where('run_id', '=', runId).execute();
    return Promise.all(
      rows.map(async (row) => {
        const context = contextOf(runId, row.request_id, row.detector);
        const bytes = await this.keys.decryptFor(tenantId, row.result, context);
        return { requestId: row.request_id, result: JSON.parse(bytes.toString()) as DetectorResult };
      }),
    );
  }
}

function contextOf(runId: string, requestId: string, detector: string): string {
  return `member_result/${runId}/${requestId}/${detector}`;
}
