import { ApplicationFailure } from '@temporalio/activity';
import type { PausePoint } from '../config/pause-point';
import type { ChangedBy } from '../contract/changed-by';
import type { TenantOperationInput } from '../contract/tenant-erasure';
import {
  type OnboardingSecret,
  onboardingSecretSchema,
  onboardTenantSchema,
  type TenantOnboardingActivities,
} from '../contract/tenant-onboarding';
import type { OnboardingReport } from '../contract/tenant-operations';
import type { StoredTenant, TenantRecord } from '../contract/tenants';
import { quotasOf } from '../domain/tenancy';
import { everyTenant } from '../store/audit-log';
import type { Credentials } from '../store/credentials';
import type { KeyRing } from '../store/key-ring';
import type { TenantOperations, TenantReport } from '../store/tenant-operations';
import type { TenantRecords } from '../store/tenants';

export interface OnboardTenantDependencies {
  readonly operations: TenantOperations;
  readonly records: Pick<TenantRecords, 'change' | 'find'>;
  readonly keys: Pick<KeyRing, 'decryptFor' | 'encryptFor'>;
  readonly credentials: Pick<Credentials, 'create' | 'find' | 'revoke'>;
  readonly newApiKey: () => { readonly apiKey: string; readonly keyId: string; readonly hash: Buffer };
  readonly hashOf: (apiKey: string) => Buffer;
  readonly sign: (kind: 'onboarding', report: OnboardingReport) => TenantReport;
  readonly pause: PausePoint;
  readonly now: () => number;
}

const dayMs = 86_400_000;
const askedSchema = onboardTenantSchema.omit({ name: true });

/** What the workflow of an onboarding asks of the world. Each step does again what it did when it is asked again. */
export function createTenantOnboardingActivities(
  deps: OnboardTenantDependencies,
): TenantOnboardingActivities {
  const { operations, records, keys, credentials } = deps;

  /** The key is kept before it is made, so that one which is made is never lost with its worker. */
  async function secretOf(operationId: string, tenantId: string): Promise<OnboardingSecret> {
    const row = await operations.row(operationId);
    if (row?.secret) {
      const opened = await keys.decryptFor(everyTenant, row.secret, secretContext(operationId));
      return onboardingSecretSchema.parse(JSON.parse(opened.toString()));
    }
    const { api_key: asked } = askedSchema.parse(row?.asked);
    const { apiKey, keyId } = deps.newApiKey();
    const secret: OnboardingSecret = {
      tenant_id: tenantId,
      key_id: keyId,
      api_key: apiKey,
      roles: asked.roles,
      expires_at: new Date(deps.now() + asked.expires_in_days * dayMs).toISOString(),
    };
    const text = Buffer.from(JSON.stringify(secret));
    await operations.keepSecret(
      operationId,
      await keys.encryptFor(everyTenant, text, secretContext(operationId)),
    );
    // Another may have been faster.
    return secretOf(operationId, tenantId);
  }

  return {
    async makeTenantKey(input) {
      const { tenantId } = await at(input, 'making_key');
      const place = `tenant_operation/check/${input.operation_id}`;
      const sealed = await keys.encryptFor(tenantId, Buffer.from(tenantId), place);
      if ((await keys.decryptFor(tenantId, sealed, place)).toString() !== tenantId)
        throw new Error('what is sealed with the new key does not open with it');
    },

    async makeFirstApiKey(input) {
      const { tenantId, by, asked, record } = await at(input, 'making_api_key');
      const secret = await secretOf(input.operation_id, tenantId);
      await deps.pause('secret_kept');
      if (await credentials.find(secret.key_id, tenantId)) return;
      const { description, roles } = askedSchema.parse(asked).api_key;
      const key = {
        keyId: secret.key_id,
        tenantId,
        hash: deps.hashOf(secret.api_key),
        ...{ roles, scopes: [], description, perMinute: null },
        expiresAt: new Date(secret.expires_at),
        // Nobody else has seen it.
        owner: `key:${secret.key_id}`,
      };
      if (await credentials.create(key, by, quotasOf(record).api_keys)) return;
      throw ApplicationFailure.nonRetryable(
        'the tenant has as many API keys as it may have',
        'quota_exceeded',
      );
    },

    async activateTenant(input) {
      if ((await operations.find(input.operation_id))?.status === 'completed') return;
      const { tenantId, by, row } = await at(input, 'activating');
      const { key_id: keyId } = await secretOf(input.operation_id, tenantId);
      const status = (await records.find(tenantId))?.status;
      if (status === 'pending')
        await records.change({ tenantId, name: undefined, by, decide: become('active') });
      else if (status !== 'active')
        throw ApplicationFailure.nonRetryable(
          'somebody else has changed the tenant meanwhile',
          'tenant_changed',
        );
      const report: OnboardingReport = {
        operation_id: input.operation_id,
        tenant_id: tenantId,
        requested_by: row.started_by,
        requested_at: row.started_at.toISOString(),
        completed_at: new Date(deps.now()).toISOString(),
        api_key_id: keyId,
      };
      await operations.complete(input.operation_id, deps.sign('onboarding', report));
    },

    async undoOnboarding({ operation_id: id, error }) {
      const row = await operations.row(id);
      if (row?.status !== 'running') return;
      const by = byOf(row);
      if (row.secret) {
        const { key_id: keyId } = await secretOf(id, row.tenant_id);
        if (await credentials.find(keyId, row.tenant_id))
          await credentials.revoke({ keyId, tenantId: row.tenant_id }, by);
      }
      const status = (await records.find(row.tenant_id))?.status;
      if (status === 'pending' || status === 'active')
        await records.change({ tenantId: row.tenant_id, name: undefined, by, decide: become('inactive') });
      await operations.fail(id, error);
    },
  };

  async function at({ operation_id: id }: TenantOperationInput, step: string) {
    const row = await operations.row(id);
    const record = row ? await records.find(row.tenant_id) : null;
    if (row?.status !== 'running' || row.kind !== 'onboarding' || !record || record.status === 'deleted')
      throw ApplicationFailure.nonRetryable('there is no such onboarding under way', 'operation_ended');
    await operations.atStep(id, step);
    return { row, record, tenantId: row.tenant_id, asked: row.asked, by: byOf(row) };
  }
}

/** Under which the secret of an operation is sealed. */
export function secretContext(operationId: string): string {
  return `tenant_operation/secret/${operationId}`;
}

function byOf(row: { readonly started_by: string; readonly request_id: string }): ChangedBy {
  return { principal: row.started_by, requestId: row.request_id, correlationId: null };
}

function become(status: 'active' | 'inactive') {
  return (before: StoredTenant | null): TenantRecord => ({ ...before!, status });
}
