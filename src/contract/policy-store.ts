import { z } from 'zod';
import { tenantPolicySchema } from './policy';
import { nameSchema, storableText, tenantSchema, versionSchema } from './text';

const time = z.iso.datetime({ precision: 3 });
const count = z.int().nonnegative();

const versionStatuses = [
  'draft',
  'pending_approval',
  'changes_requested',
  'rejected',
  'approved',
  'rolled_back',
] as const;

const reviewDecisions = ['approve', 'reject', 'request_changes'] as const;
export type ReviewDecision = (typeof reviewDecisions)[number];

/** What is read back may be of a newer release, which knows more fields. */
const versionFields = z.object({
  version: versionSchema,
  status: z.enum(versionStatuses),
  created_at: time,
  created_by: z.string(),
  description: z.string(),
  approvals: z.array(
    z.object({
      reviewer: z.string(),
      decision: z.enum(reviewDecisions),
      note: z.string(),
      timestamp: time,
    }),
  ),
  approved_at: time.nullable(),
  activated_at: time.nullable(),
  rolled_back_from: versionSchema.nullable(),
  /** What a reader of the policy should know: detectors that are not registered, Rego without tests. */
  conflict_warnings: z.array(z.string()),
  /** SHA-256 in hex of static fields and rules: what answers call `policy_digest`. */
  checksum: z.string(),
  /** Of the static fields; older ones are brought up when they are read. */
  shape: z.int().positive(),
  origin: z.enum(['api', 'folder', 'rollback', 'migration']),
});

/** A version as it is kept; what it says lies under its checksum. */
export const versionRecordSchema = versionFields.extend({
  /** What must be known of an active policy without reading it. */
  rate_limit_per_minute: z.int().positive(),
  benign_labels: z.array(z.string()),
  /** Who showed a draft to reviewers. */
  submitted_by: z.string().optional(),
});
export type VersionRecord = z.output<typeof versionRecordSchema>;

/** All versions of a bundle, the oldest first. Replaced as a whole; versions in it only change their status. */
export const bundleStateSchema = z.object({
  tenant_id: tenantSchema,
  policy_bundle: nameSchema,
  versions: z.array(versionRecordSchema),
  /** The version that decides. */
  active: versionSchema.nullable(),
  deleted_at: time.nullable(),
  /** Of the folder's texts that were taken in last. */
  folder_digest: z.string().nullable(),
});
export type BundleState = z.output<typeof bundleStateSchema>;

/** What every process holds of a bundle. */
export const bundleHeadSchema = z.object({
  active: versionRecordSchema
    .pick({
      version: true,
      checksum: true,
      rate_limit_per_minute: true,
      benign_labels: true,
      activated_at: true,
    })
    .nullable(),
  latest_version: versionSchema,
  latest_status: z.enum(versionStatuses),
  versions: count,
  deleted: z.boolean(),
  folder_digest: z.string().nullable(),
});
export type BundleHead = z.output<typeof bundleHeadSchema>;

/** A version as the API shows it. */
export const policyVersionSchema = versionFields
  .extend({ tenant_id: tenantSchema, policy_bundle: nameSchema, active: z.boolean() })
  .strict()
  .meta({ id: 'PolicyVersion' });
export type PolicyVersion = z.output<typeof policyVersionSchema>;

const regoTexts = z.record(z.string(), z.string());
/** As `fixtures/*.yaml` of a bundle has them. */
const fixtures = z.array(z.json()).max(500);

/** A version with its texts. */
export const policyDocumentSchema = policyVersionSchema
  .extend({
    policy: tenantPolicySchema,
    rego: regoTexts,
    rego_tests: regoTexts,
    fixtures,
    /** Of the bundle: send it as If-Match, and what others did meanwhile is not overwritten. */
    revision: z.string(),
  })
  .meta({ id: 'PolicyDocument' });
export type PolicyDocument = z.output<typeof policyDocumentSchema>;

/** Body of PUT /policies/{bundle}: a new version. */
export const putPolicySchema = z
  .strictObject({
    /** A TenantPolicy; its version may be left out, and is then the next. */
    policy: z.record(z.string(), z.json()),
    /** Rego by path inside the bundle, tests (`*_test.rego`) among them or apart. */
    rego: regoTexts.default({}),
    rego_tests: regoTexts.default({}),
    /** Inputs and what is to be decided on them; a version that decides otherwise is refused. */
    fixtures: fixtures.default([]),
    description: storableText(0, 1000).default(''),
    /** Whether somebody else must approve it before it decides. */
    requires_approval: z.boolean().default(false),
    /** Kept, but not shown to reviewers yet. */
    draft: z.boolean().default(false),
    /** The version that decides now, as far as the editor knows; another one is a conflict. */
    expected_version: versionSchema.optional(),
    /** In which the policy is written; older ones are brought up. */
    shape: z.int().positive().optional(),
  })
  .meta({ id: 'PutPolicy' });
export type PutPolicy = z.output<typeof putPolicySchema>;

/** Body of POST …/review. */
export const reviewSchema = z
  .strictObject({
    decision: z.enum(reviewDecisions),
    note: storableText(0, 1000).default(''),
    /** With `approve`: whether it decides from now on. */
    activate: z.boolean().default(true),
  })
  .meta({ id: 'PolicyReview' });

/** Body of POST …/rollback. */
export const rollbackSchema = z
  .strictObject({ reason: storableText(1, 1000) })
  .meta({ id: 'PolicyRollback' });

/** Body of POST /policies/migrate. */
export const migratePoliciesSchema = z
  .strictObject({ policy_bundle: nameSchema.optional(), dry_run: z.boolean().default(false) })
  .meta({ id: 'MigratePolicies' });

export const policiesMigratedSchema = z
  .strictObject({
    dry_run: z.boolean(),
    shape: z.int().positive(),
    migrated: z.array(
      z.strictObject({
        policy_bundle: nameSchema,
        version: versionSchema,
        from_shape: z.int(),
        new_version: versionSchema,
        /** Why it cannot be migrated; it goes on deciding as it is. */
        problems: z.array(z.string()),
      }),
    ),
  })
  .meta({ id: 'PoliciesMigrated' });
export type PoliciesMigrated = z.output<typeof policiesMigratedSchema>;

const problemSchema = z.strictObject({
  file: z.string(),
  line: z.int().nullable(),
  column: z.int().nullable(),
  message: z.string(),
});

export const policyListSchema = z
  .strictObject({
    policies: z.array(
      z.strictObject({
        tenant_id: tenantSchema,
        policy_bundle: nameSchema,
        /** The version that decides; null: none, and requests are POLICY_NOT_FOUND. */
        active_version: versionSchema.nullable(),
        policy_digest: z.string().nullable(),
        activated_at: time.nullable(),
        latest_version: versionSchema,
        latest_status: z.enum(versionStatuses),
        versions: count,
      }),
    ),
    total_count: count,
    next_page_token: z.string().optional(),
    /** Bundles in the folder that this process has refused; an earlier version, if there is one, goes on deciding. */
    refused: z.array(
      z.strictObject({ policy_bundle: z.string(), problems: z.array(problemSchema), since: time }),
    ),
    store: z.strictObject({
      backend: z.enum(['file', 'postgres']),
      /** Of Rego. `absent`: versions with Rego cannot be put; compiled ones decide all the same. */
      compiler: z.enum(['available', 'absent', 'not_needed_yet']),
      /** Whether changes in the folder take effect. */
      watching: z.boolean(),
    }),
  })
  .meta({ id: 'PolicyList' });
export type PolicyList = z.output<typeof policyListSchema>;

z.strictObject({
  versions: z.array(policyVersionSchema),
  total_count: count,
  next_page_token: z.string().optional(),
}).meta({ id: 'PolicyVersionList' });

export interface PolicyVersionList {
  readonly versions: readonly PolicyVersion[];
  readonly total_count: number;
  readonly next_page_token?: string;
}

export const policyDiffSchema = z
  .strictObject({
    from: versionSchema,
    to: versionSchema,
    /** Static fields; what is not there is null. */
    fields: z.array(
      z.strictObject({
        path: z.string(),
        before: z.json(),
        after: z.json(),
        /** Whether less or more is let through afterwards; null: one field alone does not say. */
        tendency: z.enum(['stricter', 'looser']).nullable(),
      }),
    ),
    /** Rego and its tests, as unified diffs by path. */
    rego: regoTexts,
  })
  .meta({ id: 'PolicyDiff' });
export type PolicyDiff = z.output<typeof policyDiffSchema>;

/** One change of one bundle, as a store takes it: whole or not at all. */
export interface PolicyCommit {
  readonly tenantId: string;
  readonly bundle: string;
  /** Of the state that the change was made from; null: there was none. */
  readonly expectedRevision: string | null;
  readonly state: BundleState;
  readonly head: BundleHead;
  readonly documents: readonly {
    readonly digest: string;
    readonly version: string;
    readonly document: Buffer;
  }[];
  /** Of a bundle that is new: how many the tenant may have with it. Absent: any number. */
  readonly maxBundles?: number | undefined;
  /** For the audit log. */
  readonly requestId: string;
  readonly record: object;
}

/** `stale`: another change came first; `full`: the tenant has as many bundles as it may have. */
export type CommitOutcome = 'committed' | 'stale' | 'full';

/** The head of a bundle that has changed. */
export interface ChangedHead {
  readonly tenantId: string;
  readonly bundle: string;
  readonly head: BundleHead;
}

/** A bundle at one moment. */
export interface StoredState {
  readonly state: BundleState;
  readonly revision: string;
}
