import { watch } from 'node:fs';
import path from 'node:path';
import type { PoliciesRouterDependencies } from './api/policies-router';
import type { Counting } from './compose-metrics';
import type { Settings } from './contract/config';
import type { Simulate } from './contract/simulation';
import type { Bundle, BundleName } from './policy/bundle';
import type { Candidate } from './policy/candidate';
import { FairTurns } from './policy/fair-turns';
import { judge, type Judged } from './policy/judge';
import { taxonomyCategories } from './policy/known-categories';
import { readDocument } from './policy/bundle-document';
import { LivePolicies } from './policy/live-policies';
import type { PolicyBackend } from './policy/policy-backend';
import { PolicyChanges } from './policy/policy-changes';
import { PolicyCompiler } from './policy/policy-compiler';
import { PolicyFiles } from './policy/policy-files';
import { PolicyFolder } from './policy/policy-folder';
import { migratePolicies } from './policy/policy-migration';
import { PolicyStore } from './policy/policy-store';
import { candidateFrom } from './policy/stored-candidate';
import { FileWatch } from './registry/file-watch';
import type { Detectors } from './registry/registry';
import type { LiveTenants } from './security/live-tenants';
import type { Db } from './store/database';
import { hear, type Notifications } from './store/notifications';
import { whenCommitted } from './store/one-transaction';
import { PolicyBundles } from './store/policy-bundles';
import { PolicyStates, recordingPolicyChanges } from './store/policy-states';
import type { Logger } from './telemetry/logger';

interface PolicyParts {
  readonly settings: Settings;
  readonly db: Db;
  readonly tenants: Pick<LiveTenants, 'isDeleted' | 'quotaOf'>;
  readonly notifications: Notifications;
  readonly opaPath: () => Promise<string>;
  readonly counting: Pick<Counting, 'upstreamMetrics'>;
  readonly log: Logger;
}

const mebibyte = 1024 * 1024;

/** The part of the composition root that keeps policies, brings those that decide into memory, and follows their folder. */
export async function composePolicies(parts: PolicyParts) {
  const { settings, db, notifications, opaPath, counting, log } = parts;
  const backend = backendOf(parts);
  const bundles = new PolicyBundles(db);
  const live = new LivePolicies({
    news: () => backend.news(),
    load: (digest) => loadBundle(backend, bundles, digest),
    onHint: (listener) => hear(notifications, 'policies_changed', listener),
    failed: (error) =>
      log.error({ error }, 'changes of policies cannot be read; what is known goes on deciding'),
    maxBytes: settings.policy.max_resident_mb * mebibyte,
  });
  await live.start();

  const compiler = new PolicyCompiler({ cacheDir: path.join(__dirname, 'policy-cache'), opaPath });
  const folder = new PolicyFolder({
    dir: settings.policy.store_path,
    // Made effective all at once, when the whole folder was looked at.
    changes: new PolicyChanges(backend, async () => undefined),
    compiler,
    follows: backend.kind === 'file',
    ignored: (tenant) => parts.tenants.isDeleted(tenant),
    takenIn(tenant, bundle) {
      const head = live.head(tenant, bundle);
      return head && (head.folder_digest ?? '');
    },
    refused({ tenant, bundle, problems, postponed }) {
      counting.upstreamMetrics.policyReloaded('failure');
      const serving = live.head(tenant, bundle)?.active?.version;
      const about = { tenant_id: tenant, bundle, problems };
      if (postponed)
        log.error(
          { ...about, version: serving },
          'a policy bundle cannot be compiled now; it is tried again',
        );
      else if (serving === undefined) log.error(about, 'a policy bundle is invalid and stays out');
      else
        log.error(
          { ...about, version: serving },
          'a changed policy bundle is invalid; the old version goes on deciding',
        );
    },
    took(tenant, bundle, asked, version) {
      counting.upstreamMetrics.policyReloaded('success');
      const about = { tenant_id: tenant, bundle, version };
      if (asked === version) log.info(about, 'a policy bundle was taken in from its folder');
      else
        log.info({ ...about, asked }, 'a policy bundle changed without a new version; it got the next one');
    },
  });
  const look = async (): Promise<void> => {
    await folder.look();
    await live.refresh();
  };
  await look();
  const watching = new FileWatch({
    file: path.join(settings.policy.store_path, 'policies'),
    changed: () =>
      look().catch((error: unknown) => log.error({ error }, 'the folder of policies cannot be read')),
    watch: (dir, listener) => watch(dir, { persistent: false, recursive: true }, listener),
  });
  if (backend.kind === 'file') watching.start();

  const turns = new FairTurns();
  const judging =
    (registry: Pick<Detectors, 'visibleTo'>) =>
    async (candidate: Candidate, tenantId: string): Promise<Judged> =>
      judge(candidate, {
        compiler,
        detectors: registry.visibleTo(tenantId),
        categories: await taxonomyCategories(settings.mapper.taxonomy_path),
        inTurn: (work) => turns.take(tenantId, work),
      });

  return {
    judging,
    bundleOf: live.active.bind(live),
    bundleByDigest: live.byDigest.bind(live),
    rateLimitOf: (tenantId: string, bundle: string): number =>
      live.head(tenantId, bundle)?.active?.rate_limit_per_minute ??
      settings.orchestration.default_rate_limit_per_minute,
    benignLabelsOf: (tenantId: string, bundle: string): readonly string[] =>
      live.head(tenantId, bundle)?.active?.benign_labels ?? [],
    /** Whether there is an active bundle of this name. */
    decides: (tenantId: string, bundle: string): boolean =>
      (live.head(tenantId, bundle)?.active ?? null) !== null,
    active: () => live.actives,
    /** Null: nothing decides under this name. */
    activeVersion: (tenantId: string, bundle: string): string | null =>
      live.head(tenantId, bundle)?.active?.version ?? null,
    /** What simulations try. @throws as candidateFrom */
    candidate: (registry: Pick<Detectors, 'visibleTo'>, name: BundleName, asked: Simulate) =>
      candidateFrom(
        { changes: new PolicyChanges(backend, async () => undefined), judge: judging(registry) },
        name,
        asked,
      ),
    /** What clients ask of policies. */
    routes(registry: Pick<Detectors, 'visibleTo'>): { readonly policies: PoliciesRouterDependencies } {
      const changes = new PolicyChanges(
        backend,
        () => whenCommitted(() => live.catchUp()),
        (tenantId) => parts.tenants.quotaOf(tenantId, 'bundles'),
      );
      const store = new PolicyStore({
        changes,
        judge: judging(registry),
        requireApproval: settings.policy.require_approval,
        now: () => new Date(),
      });
      return {
        policies: {
          store,
          headsOf: (tenantId) => live.headsOf(tenantId),
          refusedOf: (tenantId) =>
            folder.refusedOf(tenantId).map(({ bundle, problems, since }) => ({
              policy_bundle: bundle,
              problems: [...problems],
              since: since.toISOString(),
            })),
          status: () => ({
            backend: backend.kind,
            compiler: compiler.state,
            watching: backend.kind === 'file' && watching.watching,
          }),
          migrate: (names, dryRun, by) => migratePolicies(changes, names, dryRun, by),
        },
      };
    },
    stop() {
      watching.stop();
      live.stop();
    },
  };
}

function backendOf({ settings, db, notifications, log }: PolicyParts): PolicyBackend {
  const unreadable = (tenantId: string, bundle: string | null, error: unknown): void =>
    log.error(
      { tenant_id: tenantId, bundle, error },
      'the versions of a policy cannot be read; what is known of it goes on deciding',
    );
  if (settings.policy.store_type === 'postgres') return new PolicyStates(db, notifications, unreadable);
  const dir = settings.policy.versions_path ?? path.join(settings.service.data_dir, 'policy-versions');
  return new PolicyFiles(dir, recordingPolicyChanges(db), unreadable);
}

/** A worker elsewhere has no such files: what decides here can be had from the database before anything runs by it. */
async function loadBundle(
  backend: PolicyBackend,
  bundles: PolicyBundles,
  digest: string,
): Promise<Bundle | null> {
  const own = await backend.document(digest);
  const document = own ?? (await bundles.document(digest));
  if (!document) return null;
  const { bundle } = readDocument(document);
  const { tenant_id: tenantId, policy_bundle: name, version } = bundle.policy;
  if (own && backend.kind === 'file')
    await bundles.save([{ digest, tenantId, bundle: name, version, document }]);
  return bundle;
}
