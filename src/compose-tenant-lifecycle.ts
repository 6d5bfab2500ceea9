import path from 'node:path';
import { createTenantErasureActivities } from './activities/erase-tenant';
import { createTenantExportActivities } from './activities/export-tenant';
import { createTenantOnboardingActivities, secretContext } from './activities/onboard-tenant';
import type { PoliciesRouterDependencies } from './api/policies-router';
import type { TenantLifecycleRouterDependencies } from './api/tenant-lifecycle-router';
import type { PausePoint } from './config/pause-point';
import type { Settings } from './contract/config';
import { onboardingSecretSchema } from './contract/tenant-onboarding';
import type { ErasureReport } from './contract/tenant-operations';
import { erasePolicyFiles } from './policy/erase-policy-files';
import type { Detectors } from './registry/registry';
import { hashOf, newApiKey } from './security/api-key';
import type { LiveTenants } from './security/live-tenants';
import { loadAuditKeys } from './store/audit-keys';
import { everyTenant } from './store/audit-log';
import { AuditRecords } from './store/audit-records';
import { BulkJobs } from './store/bulk-jobs';
import { Credentials } from './store/credentials';
import type { Db } from './store/database';
import { EndedRuns } from './store/ended-runs';
import type { KeyRing } from './store/key-ring';
import type { Notifications } from './store/notifications';
import { whenCommitted } from './store/one-transaction';
import type { Orchestrations } from './store/orchestrations';
import type { Runs } from './store/runs';
import { signedReport } from './store/signed-reports';
import { Simulations } from './store/simulations';
import { exportSources } from './store/tenant-export-sources';
import { TenantExports } from './store/tenant-exports';
import { TenantOperations } from './store/tenant-operations';
import { TenantRows } from './store/tenant-rows';
import { TenantWork } from './store/tenant-work';
import { TenantRecords } from './store/tenants';
import { Upstreams } from './store/upstreams';
import { BulkGateway } from './submission/bulk-gateway';
import type { TenantClients } from './submission/tenant-clients';
import { tenantEnders } from './submission/tenant-enders';
import { TenantHistories } from './submission/tenant-histories';
import { TenantLifecycle } from './submission/tenant-lifecycle';
import { TenantLifecycleGateway } from './submission/tenant-lifecycle-gateway';
import type { Logger } from './telemetry/logger';
import { presentable } from './security/on-record';

export interface TenantLifecycleParts {
  readonly settings: Settings;
  readonly db: Db;
  readonly keys: KeyRing;
  readonly notifications: Notifications;
  readonly clients: TenantClients;
  readonly tenants: LiveTenants;
  readonly orchestrations: Orchestrations;
  readonly runs: Runs;
  readonly retention: { readonly answerRetentionMs: number };
  readonly registry: Pick<Detectors, 'visibleTo'>;
  /** What clients ask of policies. */
  readonly routes: (registry: Pick<Detectors, 'visibleTo'>) => {
    readonly policies: PoliciesRouterDependencies;
  };
  /** Whether operations run here. */
  readonly maintenance: boolean;
  readonly pause: PausePoint;
  readonly log: Logger;
}

const exportRetentionMs = 24 * 60 * 60_000;

/** The part of the composition root that makes, exports and erases tenants as a whole. */
export function composeTenantLifecycle(parts: TenantLifecycleParts) {
  const { settings, db, keys, notifications, clients, pause, log } = parts;
  const { task_queue: taskQueue } = settings.workflow;
  const operations = new TenantOperations(db);
  const records = new TenantRecords(db, keys, notifications);
  const work = new TenantWork(db);
  const policies = parts.routes(parts.registry).policies;
  const versionsDir =
    settings.policy.versions_path ?? path.join(settings.service.data_dir, 'policy-versions');
  const keptInFiles = settings.policy.store_type !== 'postgres';
  const auditKeys = loadAuditKeys(settings.audit, settings.service.data_dir);
  const exports = new TenantExports(db, keys, operations);
  const bulkJobs = new BulkJobs(db, keys, parts.runs, parts.retention.answerRetentionMs);
  const lifecycle = new TenantLifecycle({
    db,
    operations,
    records,
    exports,
    async openSecret(operationId, sealed) {
      const opened = await keys.decryptFor(everyTenant, sealed, secretContext(operationId));
      return onboardingSecretSchema.parse(JSON.parse(opened.toString()));
    },
    newestKey: (tenantId) => keys.tenantKeys.newestVersion(tenantId),
    gateway: new TenantLifecycleGateway(clients.main, taskQueue),
    changed: () => whenCommitted(() => parts.tenants.catchUp()),
    log,
  });
  if (parts.maintenance) lifecycle.start();
  return {
    activities: {
      ...createTenantErasureActivities({
        db,
        operations,
        work,
        rows: new TenantRows(db),
        records,
        tenantKeys: keys.tenantKeys,
        enders: tenantEnders({
          work,
          orchestrations: parts.orchestrations,
          bulkJobs,
          bulkGateway: new BulkGateway(clients, taskQueue, bulkJobs),
          simulations: new Simulations(db, keys),
          upstreams: new Upstreams(db, notifications),
          policies: {
            namesOf: (tenantId) => policies.headsOf(tenantId).map(({ bundle }) => bundle),
            remove: (name, by) => policies.store.remove(name, by),
            eraseFiles: async (tenantId) => (keptInFiles ? erasePolicyFiles(versionsDir, tenantId) : 0),
          },
        }),
        histories: new TenantHistories(clients, taskQueue),
        sign: (kind, report) => signedReport(auditKeys, `tenant/${kind}`, report),
        alsoKept: alsoKept(settings),
        pause,
        now: Date.now,
      }),
      ...createTenantExportActivities({
        operations,
        exports,
        sources: exportSources({
          db,
          records,
          orchestrations: parts.orchestrations,
          endedRuns: new EndedRuns(db, keys),
          audit: new AuditRecords(db, presentable),
          policies: (tenantId) => policiesOf(policies, tenantId),
        }),
        sign: (kind, report) => signedReport(auditKeys, `tenant/${kind}`, report),
        retentionMs: exportRetentionMs,
        pause,
        now: Date.now,
        log,
      }),
      ...createTenantOnboardingActivities({
        operations,
        records,
        keys,
        credentials: new Credentials(db, notifications),
        newApiKey,
        hashOf,
        sign: (kind, report) => signedReport(auditKeys, `tenant/${kind}`, report),
        pause,
        now: Date.now,
      }),
    },
    routes: { lifecycle } satisfies TenantLifecycleRouterDependencies,
    stop: () => lifecycle.stop(),
  };
}

/** All versions of all bundles, with their texts. */
async function policiesOf(
  { headsOf, store }: Pick<PoliciesRouterDependencies, 'headsOf' | 'store'>,
  tenantId: string,
): Promise<object[]> {
  const documents: object[] = [];
  for (const { bundle } of headsOf(tenantId)) {
    const name = { tenant_id: tenantId, policy_bundle: bundle };
    for (const { version } of await store.versions(name)) documents.push(await store.get(name, version));
  }
  return documents;
}

/** What is not in tables, or is not the service's to delete. */
function alsoKept(settings: Settings): ErasureReport['kept'] {
  const { response_cache_ttl_seconds: ttl, idempotency_retention_hours: hours } = settings.orchestration;
  return [
    {
      what: 'cached answers',
      why: `under a key that is destroyed, or in the memory of processes where nobody can ask for them; gone after ${ttl} s`,
    },
    {
      what: 'answers to what super admins did for the tenant under an Idempotency-Key',
      why: `theirs, encrypted under the key of the service; gone after ${hours} h`,
    },
    {
      what: 'the registry file and the folder of policies, if they name the tenant',
      why: 'files of whoever runs the installation; they are not followed for this tenant any more',
    },
    {
      what: 'backups of the database from before',
      why: 'what is encrypted in them opens with the master key of then alone; destroy them, or that, when their time is over',
    },
    {
      what: 'logs and traces',
      why: 'ids without content; they go after the retention of where they are kept',
    },
  ];
}
