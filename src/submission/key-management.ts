import { randomUUID } from 'node:crypto';
import type { PausePoint } from '../config/pause-point';
import { ConclaveError } from '../contract/errors';
import type {
  KeyRotation,
  KeyRotationList,
  KeyRotationPlan,
  KeyStatus,
  RotateKeys,
} from '../contract/keys-api';
import type { KeyHolders } from '../store/key-holders';
import type { KeyRotations } from '../store/key-rotations';
import type { MasterKeys } from '../store/master-keys';
import { whenCommitted } from '../store/one-transaction';
import type { Rewrapping } from '../store/rewrapping';
import { type KeyChange, TenantKeyDestroyedError, type TenantKeys } from '../store/tenant-keys';
import type { KeyRotationGateway } from './key-rotation-gateway';

export interface KeyManagementDependencies {
  readonly tenantKeys: TenantKeys;
  readonly masters: Pick<MasterKeys, 'canAdd' | 'ids' | 'reread'>;
  readonly rotations: KeyRotations;
  readonly rewrapping: Pick<Rewrapping, 'left'>;
  readonly holders: Pick<KeyHolders, 'all' | 'without'>;
  readonly gateway: KeyRotationGateway;
  readonly pause: PausePoint;
  readonly now: () => number;
  readonly log: { warn(fields: object, message: string): void };
}

const tendEveryMs = 15_000;
/** A key that was replaced stays where it is for so long: somebody may have begun with it. */
const overlapMs = 24 * 60 * 60_000;

/** The keys that everything is encrypted under, as operators see and change them (docs/keys.md). */
export class KeyManagement {
  #timer: NodeJS.Timeout | null = null;

  constructor(private readonly deps: KeyManagementDependencies) {}

  /** Sees to it that the rotation that is open goes on. */
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
      running: await this.deps.rotations.running(),
    };
  }

  async list(): Promise<KeyRotationList> {
    const { rotations, total } = await this.deps.rotations.list();
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
    { tenant_id: tenantId, dry_run: dry }: RotateKeys,
    by: KeyChange,
  ): Promise<KeyRotation | KeyRotationPlan> {
    if (tenantId !== undefined) return this.#rotateTenant(tenantId, dry, by);
    const plan = await this.#planMaster();
    return dry ? plan : this.#beginMaster(plan, by);
  }

  async #planMaster(): Promise<KeyRotationPlan> {
    const { tenantKeys, masters, holders, rewrapping } = this.deps;
    masters.reread();
    const from = await tenantKeys.masterInUse();
    const to = await tenantKeys.nextMaster();
    if (to === null && !masters.canAdd) throw noNewKey();
    return {
      dry_run: true,
      tenant_id: null,
      from,
      to,
      keys_total: await rewrapping.left(to ?? ''),
      waiting_for: to === null ? [] : await holders.without(to),
    };
  }

  async #beginMaster({ from, to, keys_total: total }: KeyRotationPlan, by: KeyChange): Promise<KeyRotation> {
    const rotation = await this.deps.rotations.begin({
      rotationId: randomUUID(),
      tenantId: null,
      from,
      to,
      total,
      startedBy: by.principal,
    });
    // It is on record: one that cannot be started now is started later.
    await this.#begin(rotation);
    return this.get(rotation.rotation_id);
  }

  async #rotateTenant(tenantId: string, dry: boolean, by: KeyChange): Promise<KeyRotation | KeyRotationPlan> {
    const { tenantKeys, rotations } = this.deps;
    const newest = await tenantKeys.newestVersion(tenantId).catch((error: unknown) => {
      throw error instanceof TenantKeyDestroyedError ? destroyed(tenantId) : error;
    });
    if (newest === null) throw notFound('tenant_has_no_key', `nothing was ever encrypted for ${tenantId}`);
    if (dry) {
      const to = String(newest + 1);
      return { dry_run: true, tenant_id: tenantId, from: String(newest), to, keys_total: 1, waiting_for: [] };
    }
    const rotationId = randomUUID();
    await tenantKeys.addVersion(tenantId, by, (tx, version) =>
      rotations.note(tx, {
        rotationId,
        tenantId,
        from: String(version - 1),
        to: String(version),
        total: 1,
        startedBy: by.principal,
      }),
    );
    return this.get(rotationId);
  }

  #stateOf(replacedAt: Date | null): 'in_use' | 'overlapping' | 'retired' {
    if (replacedAt === null) return 'in_use';
    return this.deps.now() - replacedAt.getTime() < overlapMs ? 'overlapping' : 'retired';
  }

  async #tend(): Promise<void> {
    try {
      const rotation = await this.deps.rotations.running();
      if (rotation) await this.deps.gateway.start(rotation.rotation_id);
    } catch (error) {
      this.deps.log.warn(
        { error },
        'rotations of keys cannot be looked after; the next try comes in a moment',
      );
    }
  }

  async #begin({ rotation_id: id }: KeyRotation): Promise<void> {
    await whenCommitted(async () => {
      await this.deps.pause('rotation_recorded');
      await this.deps.gateway.start(id).catch((error: unknown) => {
        this.deps.log.warn({ rotation_id: id, error }, 'a rotation of keys could not be started yet');
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
