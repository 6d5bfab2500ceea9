import { z } from 'zod';
import { describedFileSchema, reportSignatureSchema } from './signed-report';
import { tenantSchema } from './text';

const tenantOperationKinds = ['onboarding', 'export', 'erasure'] as const;
export type TenantOperationKind = (typeof tenantOperationKinds)[number];

const tenantOperationStatuses = ['running', 'completed', 'failed'] as const;
export type TenantOperationStatus = (typeof tenantOperationStatuses)[number];

const time = z.iso.datetime({ precision: 3 });
const count = z.int().nonnegative();
const counts = z.record(z.string(), count);
const reasoned = z.array(z.strictObject({ what: z.string(), why: z.string() }));

const reportFields = {
  operation_id: z.string(),
  tenant_id: tenantSchema,
  requested_by: z.string(),
  requested_at: time,
  completed_at: time,
};

/** What became of everything that was a tenant's. */
export const erasureReportSchema = z
  .strictObject({
    ...reportFields,
    /** What of it was at work, and was ended first. */
    stopped: counts,
    /** Versions of its data key: with them went whatever is encrypted, wherever it lies. */
    keys_destroyed: count,
    keys_destroyed_at: time,
    /** Rows, by table. */
    deleted: counts,
    /** Of its runs in the workflow engine. */
    histories_deleted: count,
    kept: reasoned,
  })
  .meta({ id: 'ErasureReport' });
export type ErasureReport = z.output<typeof erasureReportSchema>;

/** What an export holds. Digests are of the files as they are downloaded. */
export const exportManifestSchema = z
  .strictObject({
    format: z.literal('conclave-tenant-export/1'),
    ...reportFields,
    files: z.array(describedFileSchema),
    left_out: reasoned,
  })
  .meta({ id: 'ExportManifest' });
export type ExportManifest = z.output<typeof exportManifestSchema>;

/** What a new tenant was given; the key itself is taken apart from it. */
export const onboardingReportSchema = z
  .strictObject({ ...reportFields, api_key_id: z.string() })
  .meta({ id: 'OnboardingReport' });
export type OnboardingReport = z.output<typeof onboardingReportSchema>;

export type TenantOperationReport = ErasureReport | ExportManifest | OnboardingReport;

/** Something that is done to a tenant as a whole, and takes its time. */
export const tenantOperationSchema = z
  .strictObject({
    operation_id: z.string(),
    tenant_id: tenantSchema,
    kind: z.enum(tenantOperationKinds),
    status: z.enum(tenantOperationStatuses),
    /** What it is at. */
    step: z.string().nullable(),
    /** How many of what were dealt with. */
    progress: counts,
    error: z.string().nullable(),
    started_by: z.string(),
    started_at: time,
    completed_at: time.nullable(),
    /** When what it has made goes away; null: it stays. */
    expires_at: time.nullable(),
    /** Null until it is completed. */
    report: z.union([erasureReportSchema, exportManifestSchema, onboardingReportSchema]).nullable(),
    /** Over `conclave/tenant/<kind>/1`. */
    signature: reportSignatureSchema.nullable(),
  })
  .meta({ id: 'TenantOperation' });
export type TenantOperation = z.output<typeof tenantOperationSchema>;

export const tenantOperationListSchema = z
  .strictObject({ operations: z.array(tenantOperationSchema), total_count: count })
  .meta({ id: 'TenantOperationList' });
export type TenantOperationList = z.output<typeof tenantOperationListSchema>;
