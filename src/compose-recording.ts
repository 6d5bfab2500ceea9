import type { Decision, GateDependencies, Origin } from './api/gate';
import type { Operation } from './api/operations';
import type { NamesOnRecord } from './api/principal';
import type { ConclaveError } from './contract/errors';
import type { Identity } from './contract/identity';
import type { Reach } from './domain/permissions';
import { Denials } from './security/denials';
import { nameOnRecord, presentable } from './security/on-record';
import { truncatedAddress } from './security/truncated-address';
import { AuditLog, everyTenant } from './store/audit-log';
import type { Db } from './store/database';
import type { Logger } from './telemetry/logger';

export interface Recording extends Pick<GateDependencies, 'decided' | 'operated'>, NamesOnRecord {
  /** Of a credential that was not believed. */
  readonly failed: (error: ConclaveError, from: Origin) => void;
  readonly stop: () => Promise<void>;
}

/** The part of the composition root that puts on record what is done, and what goes against the rules (docs/audit.md). */
export function composeRecording(db: Db, log: Logger): Recording {
  const audit = new AuditLog(db);
  let written = Promise.resolve();
  /** Nobody waits for it, but at the end. */
  const write = (tenantId: string | null, requestId: string, kind: string, record: object): void => {
    written = audit
      .append({ tenant_id: tenantId ?? everyTenant, request_id: requestId, kind, record })
      .catch((error: unknown) => log.error({ error, kind }, 'an audit record was not written'));
  };
  const denials = new Denials({
    write: ({ tenantId, requestId, kind, record, own }) =>
      write(tenantId, requestId, kind, { ...record, ...own }),
  });
  return {
    nameOf: nameOnRecord,
    failed({ detail, code }, { address, requestId }) {
      const record = { code, detail, address: truncatedAddress(address) };
      denials.note({ tenantId: everyTenant, kind: 'auth_failure', requestId, record });
    },
    decided({ identity, endpoint, tenantId, permission, reach, refusal, address, requestId }: Decision) {
      const about = { ...whoIn(identity, address), endpoint, permission };
      if (refusal !== null) {
        const record = { ...about, refusal };
        denials.note({
          tenantId: identity.tenantId ?? everyTenant,
          kind: 'permission_denied',
          requestId,
          record,
        });
      } else if (identity.tenantId === null && touchesTenants(identity, reach))
        write(tenantId, requestId, 'platform_access', about);
    },
    async operated(operation) {
      const { tenantId, requestId } = operation;
      const { target, correlation_id, ...record } = recordOf(operation);
      const own = { target, correlation_id };
      if (operation.status >= 400)
        denials.note({ tenantId: tenantId ?? everyTenant, kind, requestId, record, own });
      else {
        const whole = { ...record, ...own };
        await audit.append({
          tenant_id: tenantId ?? everyTenant,
          request_id: requestId,
          kind,
          record: whole,
        });
      }
    },
    async stop() {
      denials.flush();
      await written;
    },
  };
}

const kind = 'operation';

function recordOf({ actor, action, target, status, isReplay, error, address, correlationId }: Operation) {
  return {
    ...whoIn(actor, address),
    action,
    target: presentable(target),
    outcome: outcomeOf(status, isReplay),
    status,
    ...(error !== null && { error }),
    correlation_id: nameOnRecord(correlationId),
  };
}

/** Who it was, by what the credential says, and from which network. */
function whoIn(actor: Pick<Identity, 'subject' | 'method' | 'roles'> | null, address: string) {
  return {
    principal: actor && nameOnRecord(actor.subject),
    principal_kind: actor?.method ?? null,
    roles: actor?.roles ?? [],
    address: truncatedAddress(address),
  };
}

function outcomeOf(status: number, isReplay: boolean): 'done' | 'replayed' | 'refused' | 'failed' {
  if (status < 400) return isReplay ? 'replayed' : 'done';
  return status < 500 ? 'refused' : 'failed';
}

/** Unbound credentials that are no super admin's see what is shared. */
function touchesTenants({ roles }: Identity, reach: Reach): boolean {
  return reach === 'tenant' || (reach === 'shared' && roles.includes('super_admin'));
}
