import type { FirewallDependencies, FirewallEvent } from './api/firewall';
import type { Counting } from './compose-metrics';
import type { Settings } from './contract/config';
import { Ration } from './security/ration';
import { truncatedAddress } from './security/truncated-address';
import { AuditLog, everyTenant } from './store/audit-log';
import type { Db } from './store/database';
import type { Logger } from './telemetry/logger';

interface FirewallParts {
  readonly settings: Settings;
  readonly db: Db;
  readonly accessMetrics: Counting['accessMetrics'];
  readonly log: Logger;
}

/** Whoever is nobody yet must not fill the table. */
const recordsPerMinute = 100;

/** The firewall's part of the composition root: what it notices is counted, and on record if more than counted. */
export function composeFirewall({ settings, db, accessMetrics, log }: FirewallParts): FirewallDependencies {
  const audit = new AuditLog(db);
  const ration = new Ration(recordsPerMinute, 60_000);
  const record = (event: FirewallEvent): void => {
    const unrecorded = ration.take();
    if (unrecorded === null) return;
    audit.append(auditRow(event, unrecorded)).catch((error: unknown) => {
      log.error({ error, kind: 'waf' }, 'an audit record was not written');
    });
  };
  return {
    mode: settings.security.waf.mode,
    monitoredTenants: settings.security.waf.monitored_tenants,
    noticed(event) {
      accessMetrics.looksLikeAttack(event.type, event.action);
      if (event.action !== 'counted') record(event);
    },
  };
}

function auditRow(event: FirewallEvent, unrecorded: number) {
  const { action, type, level, rule, where, method, identity, address } = event;
  return {
    tenant_id: event.tenantId ?? everyTenant,
    request_id: event.requestId,
    kind: `waf_${action}`,
    record: {
      attack_type: type,
      level,
      rule,
      where,
      method,
      principal: identity?.subject ?? null,
      address: truncatedAddress(address),
      ...(unrecorded > 0 && { unrecorded_before: unrecorded }),
    },
  };
}
