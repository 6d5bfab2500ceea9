import { setTimeout as delay } from 'node:timers/promises';
import { ApplicationFailure, cancellationSignal, heartbeat } from '@temporalio/activity';
import type { PausePoint } from '../config/pause-point';
import type { TenantErasureActivities, TenantOperationInput } from '../contract/tenant-erasure';
import type { ErasureReport, TenantOperation } from '../contract/tenant-operations';
import type { Db } from '../store/database';
import type { TenantKeys } from '../store/tenant-keys';
import type { TenantOperations, TenantReport } from '../store/tenant-operations';
import { keptTables, type TenantRows } from '../store/tenant-rows';
import type { TenantRecords } from '../store/tenants';
import type { TenantWork } from '../store/tenant-work';

export interface EraseTenantDependencies {
  readonly db: Db;
  readonly operations: TenantOperations;
  readonly work: TenantWork;
  readonly rows: TenantRows;
  readonly records: Pick<TenantRecords, 'blank'>;
  readonly tenantKeys: Pick<TenantKeys, 'destroy'>;
  /** Each ends what is the tenant's, whatever has ended already. @returns how many */
  readonly enders: {
    jobs(tenantId: string): Promise<number>;
    bulkJobs(tenantId: string): Promise<number>;
    simulations(tenantId: string): Promise<number>;
    policies(tenantId: string, by: EndedBy): Promise<number>;
    detectors(tenantId: string, by: EndedBy): Promise<number>;
    /** Files in which its policies are kept, if they are kept in files. */
    policyFiles(tenantId: string): Promise<number>;
  };
  readonly histories: { deleteSome(tenantId: string, beat: () => void): Promise<number> };
  readonly sign: (kind: 'erasure', report: ErasureReport) => TenantReport;
  /** Beside tables: what else stays, and why. */
  readonly alsoKept: ErasureReport['kept'];
  readonly pause: PausePoint;
  readonly now: () => number;
}

/** On whose behalf something is ended. */
export interface EndedBy {
  readonly principal: string;
  readonly requestId: string;
}

const shiftMs = 20_000;
const askEveryMs = 500;
const pageRows = 1000;
/** Where progress tells rows of tables from what was ended. */
const rowsPrefix = 'rows.';
const historiesName = 'histories';

/** What the workflow of an erasure asks of the world. Each step does again what it did when it is asked again. */
export function createTenantErasureActivities(deps: EraseTenantDependencies): TenantErasureActivities {
  const { db, operations, enders } = deps;

  async function at(input: TenantOperationInput, step: string): Promise<TenantOperation> {
    const operation = await operations.find(input.operation_id);
    if (operation?.status !== 'running' || operation.kind !== 'erasure')
      throw ApplicationFailure.nonRetryable('there is no such erasure under way', 'operation_ended');
    await operations.atStep(operation.operation_id, step);
    return operation;
  }
  const count = (operation: TenantOperation, what: string, more: number): Promise<void> =>
    operations.count(db, operation.operation_id, what, more);

  return {
    async stopTenant(input) {
      const operation = await at(input, 'stopping');
      const { tenant_id: tenantId } = operation;
      const by = await endedBy(operation);
      const { api_keys, logins } = await deps.work.endCredentials(tenantId);
      await count(operation, 'api_keys', api_keys);
      await count(operation, 'logins', logins);
      heartbeat();
      await count(operation, 'policies', await enders.policies(tenantId, by));
      heartbeat();
      await count(operation, 'detectors', await enders.detectors(tenantId, by));
      await count(operation, 'simulations', await enders.simulations(tenantId));
    },

    async drainTenant(input) {
      const operation = await at(input, 'draining');
      const { tenant_id: tenantId } = operation;
      const until = performance.now() + shiftMs;
      while (performance.now() < until) {
        await count(operation, 'jobs', await enders.jobs(tenantId));
        await count(operation, 'bulk_jobs', await enders.bulkJobs(tenantId));
        if (!(await deps.work.hasOpenRuns(tenantId))) return { done: true };
        heartbeat();
        await delay(askEveryMs, undefined, { signal: cancellationSignal() });
      }
      return { done: false };
    },

    async destroyTenantKeys(input) {
      const operation = await at(input, 'destroying_keys');
      const { tenant_id: tenantId } = operation;
      if ((await deps.work.destroyedKeys(tenantId)).versions > 0) return;
      await deps.tenantKeys.destroy(tenantId, await endedBy(operation));
      await deps.pause('keys_destroyed');
    },

    async eraseTenantRows(input) {
      const operation = await at(input, 'deleting_rows');
      const { tenant_id: tenantId, operation_id: id } = operation;
      const until = performance.now() + shiftMs;
      let erased = 0;
      for (const table of await deps.rows.tables()) {
        for (let deleted = pageRows; deleted === pageRows;) {
          deleted = await deps.rows.deletePage(table, tenantId, pageRows, (tx, n) =>
            operations.count(tx, id, rowsPrefix + table, n),
          );
          erased += deleted;
          if (deleted > 0) await deps.pause('rows_deleted');
          heartbeat();
          cancellationSignal().throwIfAborted();
          if (performance.now() > until) return { done: false };
        }
      }
      await count(operation, 'policy_files', await enders.policyFiles(tenantId));
      return { done: erased === 0 };
    },

    async eraseTenantHistories(input) {
      const operation = await at(input, 'deleting_histories');
      const deleted = await deps.histories.deleteSome(operation.tenant_id, heartbeat);
      await count(operation, historiesName, deleted);
      return { done: deleted === 0 };
    },

    async finishErasure(input) {
      // It was finished, and the word of it was lost.
      if ((await operations.find(input.operation_id))?.status === 'completed') return;
      const operation = await at(input, 'reporting');
      await deps.records.blank(operation.tenant_id);
      const { versions, at: destroyedAt } = await deps.work.destroyedKeys(operation.tenant_id);
      const report = reportOf(operation, { versions, destroyedAt, now: deps.now(), kept: deps.alsoKept });
      await operations.complete(operation.operation_id, deps.sign('erasure', report));
    },
  };

  async function endedBy(operation: TenantOperation): Promise<EndedBy> {
    const row = await operations.row(operation.operation_id);
    return { principal: operation.started_by, requestId: row!.request_id };
  }
}

function reportOf(
  { operation_id, tenant_id, started_by, started_at, progress }: TenantOperation,
  known: {
    readonly versions: number;
    readonly destroyedAt: Date;
    readonly now: number;
    readonly kept: ErasureReport['kept'];
  },
): ErasureReport {
  const named = Object.entries(progress).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const rows = named.filter(([name]) => name.startsWith(rowsPrefix));
  const stopped = named.filter(([name]) => !name.startsWith(rowsPrefix) && name !== historiesName);
  return {
    operation_id,
    tenant_id,
    requested_by: started_by,
    requested_at: started_at,
    completed_at: new Date(known.now).toISOString(),
    stopped: Object.fromEntries(stopped),
    keys_destroyed: known.versions,
    keys_destroyed_at: known.destroyedAt.toISOString(),
    deleted: Object.fromEntries(rows.map(([name, n]) => [name.slice(rowsPrefix.length), n])),
    histories_deleted: progress[historiesName] ?? 0,
    kept: [
      ...Object.entries(keptTables).map(([table, why]) => ({ what: `table ${table}`, why })),
      ...known.kept,
    ],
  };
}
