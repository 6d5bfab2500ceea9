import { randomUUID } from 'node:crypto';
import type { ChangedBy } from '../contract/changed-by';
import { ConclaveError } from '../contract/errors';
import { tenantDeleted, tenantNotFound } from '../contract/tenant-errors';
import type {
  TenantOperation,
  TenantOperationKind,
  TenantOperationList,
} from '../contract/tenant-operations';
import type { OnboardingSecret, OnboardTenant } from '../contract/tenant-onboarding';
import type { StoredTenant, TenantRecord } from '../contract/tenants';
import { canonicalJson } from '../domain/canonical-json';
import { changedTenant, newTenant } from '../domain/tenancy';
import type { Db } from '../store/database';
import { whenCommitted } from '../store/one-transaction';
import type { TenantExports } from '../store/tenant-exports';
import type { TenantOperations } from '../store/tenant-operations';
import type { TenantRecords } from '../store/tenants';
import type { TenantLifecycleGateway } from './tenant-lifecycle-gateway';

export interface TenantLifecycleDependencies {
  readonly operations: TenantOperations;
  readonly records: Pick<TenantRecords, 'change' | 'find'>;
  readonly db: Db;
  readonly exports: Pick<TenantExports, 'read' | 'removeExpired'>;
  /** Null: nothing was ever encrypted for it. */
  readonly newestKey: (tenantId: string) => Promise<number | null>;
  readonly openSecret: (operationId: string, sealed: Buffer) => Promise<OnboardingSecret>;
  readonly gateway: Pick<TenantLifecycleGateway, 'start'>;
  /** Has this process see what was changed. */
  readonly changed: () => Promise<void>;
  readonly log: { warn(fields: object, message: string): void };
}

/** Who asks. */
export interface LifecycleCaller {
  /** Null: a super admin. */
  readonly tenantId: string | null;
  readonly by: ChangedBy;
}

const tendEveryMs = 15_000;
const listed = 100;

/** What is done to tenants as a whole, as durable workflows (docs/tenants.md). */
export class TenantLifecycle {
  #timer: NodeJS.Timeout | null = null;

  constructor(private readonly deps: TenantLifecycleDependencies) {}

  /** Sees to it that what has begun goes on, whatever ended its run. */
  start(): void {
    this.#timer = setInterval(() => void this.#tend(), tendEveryMs).unref();
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
  }

  /**
   * Begins to erase a tenant, which nothing can undo; of one that is being erased, or was, its erasure.
   * @throws ConclaveError 404 `tenant_not_found`; 409 `tenant_not_suspended`; INSUFFICIENT_RBAC `platform_only`
   */
  async erase(tenantId: string, { tenantId: own, by }: LifecycleCaller): Promise<TenantOperation> {
    requirePlatform(tenantId, own);
    const before = await this.deps.operations.latest(tenantId, 'erasure');
    if (before) return before;
    // One that is not there is not given a key to be told so.
    if (!(await this.deps.records.find(tenantId))) throw tenantNotFound();
    const operationId = randomUUID();
    await this.deps.records.change({
      tenantId,
      name: undefined,
      by,
      decide: toBeErased,
      alongside: (tx) => this.#begin(tx, 'erasure', operationId, tenantId, by),
    });
    await this.deps.changed();
    await this.#start(operationId, tenantId, 'erasure');
    return (await this.deps.operations.find(operationId))!;
  }

  /**
   * Begins to make a new tenant, which is served when all of it is there; asked for the same again, it.
   * @throws ConclaveError 409 `tenant_exists`; INSUFFICIENT_RBAC `platform_only`
   */
  async onboard(
    tenantId: string,
    asked: OnboardTenant,
    { tenantId: own, by }: LifecycleCaller,
  ): Promise<TenantOperation> {
    requirePlatform(tenantId, own);
    const known = await this.#alreadyOnboarded(tenantId, asked);
    if (known) return known;
    const operationId = randomUUID();
    // Names are encrypted where they are kept, and nowhere else.
    const { name, ...rest } = asked;
    await this.deps.records.change({
      tenantId,
      name,
      by,
      decide: (before) => toBeMade(tenantId, before, asked),
      alongside: (tx) => this.#begin(tx, 'onboarding', operationId, tenantId, by, rest),
    });
    await this.deps.changed();
    await this.#start(operationId, tenantId, 'onboarding');
    return (await this.deps.operations.find(operationId))!;
  }

  async #alreadyOnboarded(
    tenantId: string,
    { name, ...asked }: OnboardTenant,
  ): Promise<TenantOperation | null> {
    const before = await this.deps.operations.latest(tenantId, 'onboarding');
    if (!before) return null;
    const row = await this.deps.operations.row(before.operation_id);
    const record = await this.deps.records.find(tenantId);
    const isSame = canonicalJson(row?.asked) === canonicalJson(asked) && record?.name === name;
    return isSame ? before : null;
  }

  /**
   * Shows the secret of an onboarding, once.
   * @throws ConclaveError 404 `operation_not_found`; 409 `secret_not_there`; INSUFFICIENT_RBAC `platform_only`
   */
  async takeSecret(
    tenantId: string,
    operationId: string,
    { tenantId: own, by }: LifecycleCaller,
  ): Promise<OnboardingSecret> {
    requirePlatform(tenantId, own);
    await this.get(tenantId, operationId, own);
    const sealed = await this.deps.operations.takeSecret(operationId, by);
    if (sealed) return this.deps.openSecret(operationId, sealed);
    throw conflict(
      'secret_not_there',
      'there is no secret yet, or it was taken, or an hour has passed: rotate the key',
    );
  }

  /**
   * Begins to write down all that is a tenant's; while that is under way, it.
   * @throws ConclaveError 404 `tenant_not_found`; 409 `tenant_deleted`
   */
  async export(tenantId: string, { tenantId: own, by }: LifecycleCaller): Promise<TenantOperation> {
    if (own !== null && own !== tenantId) throw tenantNotFound();
    const record = await this.deps.records.find(tenantId);
    if (record?.status === 'deleted') throw tenantDeleted();
    // Of many there is no record; who was ever given something has a key.
    if (!record && (await this.deps.newestKey(tenantId)) === null) throw tenantNotFound();
    const operationId = randomUUID();
    const begun = await this.deps.db.transaction().execute((tx) =>
      this.deps.operations.begin(tx, {
        operationId,
        kind: 'export',
        tenantId,
        startedBy: by.principal,
        requestId: by.requestId,
      }),
    );
    if (!begun) return (await this.deps.operations.latest(tenantId, 'export'))!;
    await this.#start(operationId, tenantId, 'export');
    return (await this.deps.operations.find(operationId))!;
  }

  /**
   * The lines of a file of an export, some hundred at a time.
   * @throws ConclaveError 404 `operation_not_found`, `file_not_found`; 409 `export_not_completed`; 404 `export_expired`
   */
  async file(
    tenantId: string,
    operationId: string,
    name: string,
    own: string | null,
  ): Promise<AsyncIterable<Buffer>> {
    const { status, report, expires_at: expiresAt } = await this.get(tenantId, operationId, own);
    if (status !== 'completed') throw conflict('export_not_completed', 'the export has not come to its end');
    if (!report || !('files' in report) || !report.files.some((file) => file.name === name))
      throw notFound('file_not_found', 'the operation has made no such file');
    if (expiresAt === null || Date.parse(expiresAt) <= Date.now())
      throw notFound('export_expired', 'the files are no longer kept: export again');
    return this.deps.exports.read(operationId, tenantId, name.replace(/\.ndjson$/, ''));
  }

  /** @throws ConclaveError 404 `operation_not_found` */
  async get(tenantId: string, operationId: string, own: string | null): Promise<TenantOperation> {
    const operation = own === null || own === tenantId ? await this.deps.operations.find(operationId) : null;
    if (operation?.tenant_id === tenantId) return operation;
    throw notFound('operation_not_found', 'there is no such operation');
  }

  /** The latest first. @throws ConclaveError 404 `tenant_not_found` */
  async list(tenantId: string, own: string | null): Promise<TenantOperationList> {
    if (own !== null && own !== tenantId) throw tenantNotFound();
    const operations = await this.deps.operations.list(tenantId, listed);
    if (operations.length === 0 && !(await this.deps.records.find(tenantId))) throw tenantNotFound();
    return { operations, total_count: operations.length };
  }

  async #begin(
    tx: Parameters<TenantOperations['begin']>[0],
    kind: TenantOperationKind,
    operationId: string,
    tenantId: string,
    by: ChangedBy,
    asked?: object,
  ): Promise<void> {
    const operation = {
      operationId,
      kind,
      tenantId,
      startedBy: by.principal,
      requestId: by.requestId,
      asked,
    };
    if (await this.deps.operations.begin(tx, operation)) return;
    throw conflict('operation_under_way', `an ${kind} of the tenant is under way`);
  }

  /** It is on record: one that cannot be started now is started later. */
  #start(operationId: string, tenantId: string, kind: TenantOperationKind): Promise<void> {
    return whenCommitted(() =>
      this.deps.gateway.start(operationId, tenantId, kind).catch((error: unknown) => {
        this.deps.log.warn(
          { operation_id: operationId, error },
          'an operation on a tenant could not be started yet',
        );
      }),
    );
  }

  async #tend(): Promise<void> {
    try {
      for (const { operation_id: id, tenant_id: tenantId, kind } of await this.deps.operations.running())
        await this.deps.gateway.start(id, tenantId, kind);
      await this.deps.exports.removeExpired();
      await this.deps.operations.dropOldSecrets();
    } catch (error) {
      this.deps.log.warn(
        { error },
        'operations on tenants cannot be looked after; the next try comes in a moment',
      );
    }
  }
}

/** @throws ConclaveError 404 `tenant_not_found`; 409 `tenant_not_suspended` */
function toBeErased(before: StoredTenant | null): TenantRecord {
  if (before === null) throw tenantNotFound();
  if (before.status === 'suspended' || before.status === 'inactive') return { ...before, status: 'deleted' };
  throw conflict(
    'tenant_not_suspended',
    'the tenant is served: suspend it first, and see that nobody misses it',
  );
}

/** One that could not be finished may be tried again. @throws ConclaveError 409 `tenant_exists` */
function toBeMade(
  tenantId: string,
  before: StoredTenant | null,
  { api_key: _key, ...put }: OnboardTenant,
): TenantRecord {
  if (before !== null && before.status !== 'inactive')
    throw conflict('tenant_exists', 'there is such a tenant: PUT changes it');
  return { ...changedTenant(before ?? newTenant(tenantId), put), status: 'pending' };
}

function requirePlatform(tenantId: string, own: string | null): void {
  if (own === null) return;
  if (own !== tenantId) throw tenantNotFound();
  throw new ConclaveError('INSUFFICIENT_RBAC', 'this is for a super admin', { detail: 'platform_only' });
}

function notFound(detail: string, message: string): ConclaveError {
  return new ConclaveError('INVALID_REQUEST', message, { status: 404, detail });
}

function conflict(detail: string, message: string): ConclaveError {
  return new ConclaveError('INVALID_REQUEST', message, { status: 409, detail });
}
