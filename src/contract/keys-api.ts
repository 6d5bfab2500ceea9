import { z } from 'zod';
import { tenantSchema } from './text';

const time = z.iso.datetime({ precision: 3 });

/** Of one tenant, of all, or what wraps theirs. */
const keyRotationKinds = ['tenant_key', 'tenant_keys', 'master_key'] as const;

/** Which keys are to be changed: a tenant's, all tenants', or, where nothing is said, the master key. */
export const rotateKeysSchema = z
  .strictObject({
    tenant_id: tenantSchema.optional(),
    kind: z.enum(['tenant_keys', 'master_key']).optional(),
    /** Only says what would be done. */
    dry_run: z.boolean().default(false),
  })
  .refine(({ tenant_id, kind }) => tenant_id === undefined || kind === undefined, {
    path: ['kind'],
    error: 'says whose keys they are, as tenant_id does: give one of the two',
  })
  .meta({ id: 'RotateKeys' });
export type RotateKeys = z.output<typeof rotateKeysSchema>;

export const keyRotationStatuses = ['running', 'completed', 'restored', 'incomplete'] as const;

export const keyRotationSchema = z
  .strictObject({
    rotation_id: z.string(),
    kind: z.enum(keyRotationKinds),
    /** Null unless it is of one tenant's key. */
    tenant_id: z.string().nullable(),
    /** Of a tenant's key, when all were rotated: that rotation. */
    part_of: z.string().nullable(),
    /** `restored`: it failed, and all is as it was; `incomplete`: it is for those tenants whose keys are not done. */
    status: z.enum(keyRotationStatuses),
    /** Ids of master keys, or versions of a tenant's; null: of each tenant its own. */
    from: z.string().nullable(),
    /** Null until there is one. */
    to: z.string().nullable(),
    keys_total: z.int(),
    keys_done: z.int(),
    error: z.string().nullable(),
    /** What does it, in Temporal; null: it was done at once. */
    workflow_id: z.string().nullable(),
    started_by: z.string(),
    started_at: time,
    completed_at: time.nullable(),
  })
  .meta({ id: 'KeyRotation' });
export type KeyRotation = z.output<typeof keyRotationSchema>;
export type KeyRotationKind = KeyRotation['kind'];

export const keyRotationPlanSchema = z
  .strictObject({
    dry_run: z.literal(true),
    kind: z.enum(keyRotationKinds),
    tenant_id: z.string().nullable(),
    from: z.string().nullable(),
    /** Null: it would be made. */
    to: z.string().nullable(),
    /** Data keys that would be wrapped anew, or tenants that would have another. */
    keys_total: z.int(),
    /** Processes that do not hold the new key yet. */
    waiting_for: z.array(z.string()),
  })
  .meta({ id: 'KeyRotationPlan' });
export type KeyRotationPlan = z.output<typeof keyRotationPlanSchema>;

/** Which of them: what was asked for, or what became of each tenant in a rotation of all. */
export const keyRotationQuerySchema = z.strictObject({ part_of: z.uuid().optional() });
export type KeyRotationQuery = z.output<typeof keyRotationQuerySchema>;

export const keyRotationListSchema = z
  .strictObject({ rotations: z.array(keyRotationSchema), total_count: z.int() })
  .meta({ id: 'KeyRotationList' });
export type KeyRotationList = z.output<typeof keyRotationListSchema>;

export const keyStatusSchema = z
  .strictObject({
    /** Master keys that were ever in use, the latest first; never a key. */
    master_keys: z.array(
      z.strictObject({
        key_id: z.string(),
        state: z.enum(['in_use', 'overlapping', 'retired']),
        used_at: time,
        replaced_at: time.nullable(),
        /** Data keys that it wraps. */
        wraps: z.int(),
      }),
    ),
    tenant_keys: z.strictObject({ tenants: z.int(), versions: z.int(), destroyed_tenants: z.int() }),
    /** And which master keys they hold, by id. */
    processes: z.array(
      z.strictObject({ process_id: z.string(), key_ids: z.array(z.string()), seen_at: time }),
    ),
    running: keyRotationSchema.nullable(),
  })
  .meta({ id: 'KeyStatus' });
export type KeyStatus = z.output<typeof keyStatusSchema>;
