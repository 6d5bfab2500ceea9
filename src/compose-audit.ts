import { hostname } from 'node:os';
import type { AuditRouterDependencies } from './api/audit-router';
import type { Settings } from './contract/config';
import type { TenantPolicy } from './contract/policy';
import { auditRetentionDays, longestDays } from './domain/audit-retention';
import { presentable } from './security/on-record';
import { AuditCheckpoints } from './store/audit-checkpoints';
import { AuditKeeper } from './store/audit-keeper';
import { loadAuditKeys } from './store/audit-keys';
import { everyTenant } from './store/audit-log';
import { AuditRecords } from './store/audit-records';
import { AuditRetention } from './store/audit-retention';
import { AuditSealer } from './store/audit-sealer';
import { AuditVerifier } from './store/audit-verifier';
import type { Db } from './store/database';
import type { Notices } from './store/notices';
import type { Logger } from './telemetry/logger';

export interface AuditParts {
  readonly settings: Settings;
  readonly db: Db;
  readonly policies: {
    active(): Iterable<{ readonly tenantId: string; readonly name: string }>;
    bundleOf(tenantId: string, bundle: string): Promise<{ readonly policy: TenantPolicy } | null>;
  };
  readonly notices: Pick<Notices, 'tell'>;
  readonly version: string;
  readonly log: Logger;
}

/** The part of the composition root that seals, signs, verifies and clears the audit log. */
export function composeAudit({ settings, db, policies, notices, version, log }: AuditParts): {
  readonly keeper: AuditKeeper;
  readonly routes: AuditRouterDependencies;
} {
  const checkpoints = new AuditCheckpoints(db, loadAuditKeys(settings.audit, settings.service.data_dir));
  const verifier = new AuditVerifier(db, checkpoints);
  const tellOf = (tenants: readonly string[]): void => {
    const news = [...new Set(tenants)].map((subject) => ({
      event: 'audit_broken' as const,
      tenant_id: subject === everyTenant ? null : subject,
      subject: subject === everyTenant ? 'installation' : subject,
      reason: null,
    }));
    void notices
      .tell(...news)
      .catch((error: unknown) => log.error({ error }, 'operators could not be told of a broken audit log'));
  };
  const retention = new AuditRetention({
    db,
    checkpoints,
    verifier,
    daysOf: (tenantId) => daysOf(tenantId, policies),
    broken: (tenantId) => {
      log.error(
        { tenant_id: tenantId },
        'audit records are past their retention but are not what was sealed; they stay',
      );
      tellOf([tenantId]);
    },
  });
  const keeper = new AuditKeeper({
    sealer: new AuditSealer(db),
    checkpoints,
    removeExpired: () => retention.removeExpired(),
    checkpointMs: settings.audit.checkpoint_minutes * 60_000,
    log,
  });
  const source = { version, host: hostname() };
  const records = new AuditRecords(db, presentable);
  return { keeper, routes: { records, verifier: telling(verifier, tellOf), source } };
}

async function daysOf(tenantId: string, policies: AuditParts['policies']): Promise<number> {
  if (tenantId === everyTenant) return longestDays;
  const own = [...policies.active()].filter((bundle) => bundle.tenantId === tenantId);
  const bundles = await Promise.all(own.map(({ name }) => policies.bundleOf(tenantId, name)));
  return auditRetentionDays(bundles.flatMap((bundle) => (bundle ? [bundle.policy.policy_data] : [])));
}

/** Whoever asks: what is found broken is told to all who are to know. */
function telling(
  verifier: AuditVerifier,
  tellOf: (tenants: readonly string[]) => void,
): Pick<AuditVerifier, 'verify'> {
  return {
    async verify(range) {
      const verification = await verifier.verify(range);
      if (!verification.intact) tellOf(verification.breaks.map(({ tenant_id }) => tenant_id));
      return verification;
    },
  };
}
