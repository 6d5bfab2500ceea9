import type { EndedBy, EraseTenantDependencies } from '../activities/erase-tenant';
import type { BulkJobs } from '../store/bulk-jobs';
import type { Orchestrations } from '../store/orchestrations';
import type { Simulations } from '../store/simulations';
import type { TenantWork } from '../store/tenant-work';
import type { Upstreams } from '../store/upstreams';
import type { BulkGateway } from './bulk-gateway';

type By = EndedBy & { readonly correlationId: string };

export interface TenantEndersDependencies {
  readonly work: TenantWork;
  readonly orchestrations: Pick<Orchestrations, 'cancel'>;
  readonly bulkJobs: Pick<BulkJobs, 'cancel' | 'discard'>;
  readonly bulkGateway: Pick<BulkGateway, 'cancel'>;
  readonly simulations: Pick<Simulations, 'end'>;
  readonly upstreams: Pick<Upstreams, 'change'>;
  readonly policies: {
    namesOf(tenantId: string): readonly string[];
    remove(name: { readonly tenant_id: string; readonly policy_bundle: string }, by: By): Promise<void>;
    eraseFiles(tenantId: string): Promise<number>;
  };
}

/** Ends what is a tenant's in the way in which its owner would. */
export function tenantEnders(deps: TenantEndersDependencies): EraseTenantDependencies['enders'] {
  return {
    async jobs(tenantId) {
      let cancelled = 0;
      for (const requestId of await deps.work.openJobs(tenantId))
        if (await deps.orchestrations.cancel({ requestId, tenantId })) cancelled += 1;
      return cancelled;
    },
    async bulkJobs(tenantId) {
      let cancelled = 0;
      for (const { bulkId, uploading } of await deps.work.openBulkJobs(tenantId)) {
        if (uploading) await deps.bulkJobs.discard(bulkId);
        else if (await deps.bulkJobs.cancel(bulkId, tenantId))
          await deps.bulkGateway.cancel(bulkId, tenantId);
        cancelled += 1;
      }
      return cancelled;
    },
    async simulations(tenantId) {
      let cancelled = 0;
      for (const id of await deps.work.openSimulations(tenantId))
        if (await deps.simulations.end(id, 'cancelled', null)) cancelled += 1;
      return cancelled;
    },
    async policies(tenantId, by) {
      const names = deps.policies.namesOf(tenantId);
      for (const bundle of names)
        await deps.policies.remove(
          { tenant_id: tenantId, policy_bundle: bundle },
          { ...by, correlationId: by.requestId },
        );
      return names.length;
    },
    detectors: (tenantId, { requestId }) =>
      deps.upstreams.change({ requestId, correlationId: null, what: 'tenant_erased' }, (entries) => {
        const own = entries.filter(({ detector }) => detector?.tenant_id === tenantId);
        return { writes: own.map(({ endpoint_id: id }) => ({ kind: 'remove', id })), result: own.length };
      }),
    policyFiles: (tenantId) => deps.policies.eraseFiles(tenantId),
  };
}
