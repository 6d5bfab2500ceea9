import { randomUUID } from 'node:crypto';
import type { PausePoint } from '../config/pause-point';
import { ConclaveError } from '../contract/errors';
import type {
  KeyRotation,
  KeyRotationList,
  KeyRotationPlan,
  KeyRotationQuery,
  KeyStatus,
  RotateKeys,
} from '../contract/keys-api';
import type { KeyHolders } from '../store/key-holders';
import type { KeyRotations, NewRotation } from '../store/key-rotations';
import type { MasterKeys } from '../store/master-keys';
import { whenCommitted } from '../store/one-transaction';
import type { Rewrapping } from '../store/rewrapping';
import type { TenantKeyRotations } from '../store/tenant-key-rotations';
import { type KeyChange, TenantKeyDestroyedError, type TenantKeys } from '../store/tenant-keys';
import type { KeyRotationGateway } from './key-rotation-gateway';

export interface KeyManagementDependencies {
  readonly tenantKeys: TenantKeys;
  readonly masters: Pick<MasterKeys, 'canAdd' | 'ids' | 'reread'>;
  readonly rotations: KeyRotations;
  readonly tenants: TenantKeyRotations;
  readonly rewrapping: Pick<Rewrapping, 'left'>;
  readonly holders: Pick<KeyHolders, 'all' | 'without'>;
  readonly gateway: Pick<KeyRotationGateway, 'start'>;
  readonly pause: PausePoint;
  readonly now: () => number;
  readonly log: { warn(fields: object, message: string): void };
}

/** Of what takes its time. */
type MadePlan = KeyRotationPlan & { readonly kind: NewRotation['kind'] };

const tendEveryMs = 15_000;
/** A key that was replaced stays where it is for so long: somebody may have begun with it. */
const overlapMs = 24 * 60 * 60_000;

/** The keys that everything is encrypted under, as operators see and change them (docs/keys.md). */
export class KeyManagement {
  #timer: NodeJS.Timeout | null = null;

  constructor(private readonly deps: KeyManagementDependencies) {}

  /** Sees to it that rotations that are open go on. */
  start(): void {
    this.#timer = setInterval(() => void this.#tend(), tendEveryMs).unref();
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
  }

  async status(): Promise<KeyStatus> {
    const { masters, tenants } = await this.deps.tenantKeys.figures();
    const holders = await this.deps.holders.all();
    return {
      master_keys: masters.map(({ keyId, usedAt, replacedAt, wraps }) => ({
        key_id: keyId,
        state: this.#stateOf(replacedAt),
        used_at: usedAt.toISOString(),
        replaced_at: replacedAt?.toISOString() ?? null,
        wraps,
      })),
      tenant_keys: tenants,
      processes: holders.map(({ processId, keyIds, seenAt }) => ({
        process_id: processId,
        key_ids: [...keyIds],
        seen_at: seenAt.toISOString(),
      })),
      running: (await this.deps.rotations.running()).at(0) ?? null,
    };
  }

  async list({ part_of: partOf }: KeyRotationQuery): Promise<KeyRotationList> {
    const { rotations, total } = await this.deps.rotations.list(partOf ?? null);
    return { rotations, total_count: total };
  }

  /** @throws ConclaveError 404 `rotation_not_found` */
  async get(rotationId: string): Promise<KeyRotation> {
    const rotation = await this.deps.rotations.find(rotationId);
    if (rotation) return rotation;
    throw notFound('rotation_not_found', 'there is no such rotation');
  }

  /** @throws ConclaveError 409 `no_new_key`, `keys_destroyed`; 404 `tenant_has_no_key` */
  async rotate(
    { tenant_id: tenantId, kind, dry_run: dry }: RotateKeys,
    by: KeyChange,
  ): Promise<KeyRotation | KeyRotationPlan> {
    if (tenantId !== undefined) return this.#rotateTenant(tenantId, dry, by);
    const plan = kind === 'tenant_keys' ? await this.#planTenants() : await this.#planMaster();
    return dry ? plan : this.#begin(plan, by);
  }

  async #planTenants(): Promise<MadePlan> {
    return {
      dry_run: true,
      kind: 'tenant_keys',
      tenant_id: null,
      from: null,
      to: null,
      keys_total: await this.deps.tenants.count(),
      waiting_for: [],
    };
  }

  async #planMaster(): Promise<MadePlan> {
    const { tenantKeys, masters, holders, rewrapping } = this.deps;
    masters.reread();
    const from = await tenantKeys.masterInUse();
    const to = await tenantKeys.nextMaster();
    if (to === null && !masters.canAdd) throw noNewKey();
    return {
      dry_run: true,
      kind: 'master_key',
      tenant_id: null,
      from,
      to,
      keys_total: await rewrapping.left(to ?? ''),
      waiting_for: to === null ? [] : await holders.without(to),
    };
  }

  async #begin({ kind, from, to, keys_total: total }: MadePlan, by: KeyChange): Promise<KeyRotation> {
    const rotation = await this.deps.rotations.begin({
      rotationId: randomUUID(),
      kind,
      from,
      to,
      total,
      startedBy: by.principal,
    });
    // It is on record: one that cannot be started now is started later.
    await this.#start(rotation);
    return this.get(rotation.rotation_id);
  }

  async #rotateTenant(tenantId: string, dry: boolean, by: KeyChange): Promise<KeyRotation | KeyRotationPlan> {
    const newest = await this.deps.tenantKeys.newestVersion(tenantId).catch((error: unknown) => {
      throw error instanceof TenantKeyDestroyedError ? destroyed(tenantId) : error;
    });
    if (newest === null) throw notFound('tenant_has_no_key', `nothing was ever encrypted for ${tenantId}`);
    if (dry) {
      return {
        dry_run: true,
        kind: 'tenant_key',
        tenant_id: tenantId,
        from: String(newest),
        to: String(newest + 1),
        keys_total: 1,
        waiting_for: [],
      };
    }
    return this.get(await this.deps.tenants.rotate(tenantId, by, null));
  }

  #stateOf(replacedAt: Date | null): 'in_use' | 'overlapping' | 'retired' {
    if (replacedAt === null) return 'in_use';
    return this.deps.now() - replacedAt.getTime() < overlapMs ? 'overlapping' : 'retired';
  }

  async #tend(): Promise<void> {
    try {
      for (const rotation of await this.deps.rotations.running()) await this.deps.gateway.start(rotation);
    } catch (error) {
      this.deps.log.warn(
        { error },
        'rotations of keys cannot be looked after; the next try comes in a moment',
      );
    }
  }

  async #start(rotation: KeyRotation): Promise<void> {
    await whenCommitted(async () => {
      await this.deps.pause('rotation_recorded');
      await this.deps.gateway.start(rotation).catch((error: unknown) => {
        this.deps.log.warn(
          { rotation_id: rotation.rotation_id, error },
          'a rotation of keys could not be started yet',
        );
      });
    });
  }
}

function noNewKey(): ConclaveError {
  const message =
    'every process holds the master keys that it is given, and none of them is new: add one to ORCHESTRATION_SECURITY__MASTER_KEY or to its file';
  return new ConclaveError('INVALID_REQUEST', message, { status: 409, detail: 'no_new_key' });
}

function destroyed(tenantId: string): ConclaveError {
  const message = `the keys of ${tenantId} have been destroyed`;
  return new ConclaveError('INVALID_REQUEST', message, { status: 409, detail: 'keys_destroyed' });
}

function notFound(detail: string, message: string): ConclaveError {
  return new ConclaveError('INVALID_REQUEST', message, { status: 404, detail });
}
