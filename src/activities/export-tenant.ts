import { ApplicationFailure, cancellationSignal, heartbeat } from '@temporalio/activity';
import type { PausePoint } from '../config/pause-point';
import type { TenantOperationInput } from '../contract/tenant-erasure';
import type { TenantExportActivities } from '../contract/tenant-export';
import type { ExportManifest } from '../contract/tenant-operations';
import type { ExportSource } from '../store/tenant-export-sources';
import type { ExportPosition, TenantExports } from '../store/tenant-exports';
import type { TenantOperations, TenantReport } from '../store/tenant-operations';

export interface ExportTenantDependencies {
  readonly operations: TenantOperations;
  readonly exports: TenantExports;
  readonly sources: readonly ExportSource[];
  readonly sign: (kind: 'export', report: ExportManifest) => TenantReport;
  readonly retentionMs: number;
  readonly pause: PausePoint;
  readonly now: () => number;
  readonly log: { error(fields: object, message: string): void };
}

const shiftMs = 20_000;

/** What goes into no file, and why. */
const leftOut: ExportManifest['left_out'] = [
  {
    what: 'contents and uploaded files',
    why: 'they are kept for minutes, to be judged, and are the tenant’s already',
  },
  { what: 'keys, digests of credentials, addresses of callbacks', why: 'secrets, or what may hold one' },
  { what: 'reports of simulations and shadows', why: 'made of what is exported, and can be made again' },
  { what: 'caches, counts and health', why: 'the service’s own, gone within hours' },
];

/** What the workflow of an export asks of the world: pages, each written once and for all. */
export function createTenantExportActivities(deps: ExportTenantDependencies): TenantExportActivities {
  const { operations, sources } = deps;
  return {
    async exportTenantPages(input) {
      const row = await running(input);
      let position: ExportPosition | null = row.position;
      const until = performance.now() + shiftMs;
      while (performance.now() < until) {
        const { file, after } = position ?? { file: 0, after: null };
        const source = sources[file];
        if (!source) return { done: true };
        const page = await source.page(row.tenant_id, after).catch((error: unknown) => {
          deps.log.error(
            { operation_id: row.operation_id, file: source.file, error },
            'a page of an export could not be read',
          );
          throw error;
        });
        const next = page.next === null ? { file: file + 1, after: null } : { file, after: page.next };
        // It has ended, or another worker has gone on with it: which, the next shift sees.
        if (!(await deps.exports.write(row, position, source, page, next))) return { done: false };
        position = next;
        await deps.pause('exported');
        heartbeat();
        cancellationSignal().throwIfAborted();
      }
      return { done: false };
    },

    async finishExport(input) {
      // It was finished, and the word of it was lost.
      if ((await operations.find(input.operation_id))?.status === 'completed') return;
      const row = await running(input);
      const files = await deps.exports.filesOf(
        row,
        sources.map(({ file }) => file),
        heartbeat,
      );
      const manifest: ExportManifest = {
        format: 'conclave-tenant-export/1',
        operation_id: row.operation_id,
        tenant_id: row.tenant_id,
        requested_by: row.started_by,
        requested_at: row.started_at.toISOString(),
        completed_at: new Date(deps.now()).toISOString(),
        files,
        left_out: leftOut,
      };
      const expiresAt = new Date(deps.now() + deps.retentionMs);
      await operations.complete(row.operation_id, { ...deps.sign('export', manifest), expiresAt });
    },

    failExport: ({ operation_id: id, error }) => operations.fail(id, error),
  };

  async function running({ operation_id: id }: TenantOperationInput) {
    const row = await operations.row(id);
    if (row?.status === 'running' && row.kind === 'export') return row;
    throw ApplicationFailure.nonRetryable('there is no such export under way', 'operation_ended');
  }
}
