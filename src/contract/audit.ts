import { z } from 'zod';

/** Kinds of records; each row of the log has one (docs/audit.md). */
const kindSchema = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,49}$/, 'must be a kind of record, such as policy_change');

export const auditQuerySchema = z.strictObject({
  kind: kindSchema.optional(),
  from: z.iso.datetime({ offset: true }).optional(),
  to: z.iso.datetime({ offset: true }).optional(),
});
export type AuditQuery = z.output<typeof auditQuerySchema>;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** What happened, and its place in the chain of its tenant; null until it is sealed, which takes a second. */
const auditRecordSchema = z
  .strictObject({
    sequence: z.int().positive(),
    /** `*`: of no single tenant. */
    tenant_id: z.string(),
    request_id: z.uuid(),
    kind: z.string(),
    at: z.iso.datetime({ precision: 3 }),
    record: z.record(z.string(), z.json()),
    position: z.int().positive().nullable(),
    previous_hash: sha256.nullable(),
    hash: sha256.nullable(),
  })
  .meta({ id: 'AuditRecord' });
export type AuditRecord = z.output<typeof auditRecordSchema>;

export const auditListSchema = z
  .strictObject({
    records: z.array(auditRecordSchema),
    /** Counted up to 10,000. */
    total_count: z.int().nonnegative(),
    next_page_token: z.string().optional(),
  })
  .meta({ id: 'AuditList' });
export type AuditList = z.output<typeof auditListSchema>;

export const auditTrailSchema = z
  .strictObject({ request_id: z.uuid(), records: z.array(auditRecordSchema).min(1) })
  .meta({ id: 'AuditTrail' });
export type AuditTrail = z.output<typeof auditTrailSchema>;

/**
 * `altered`: a row or its link is not what it was; `removed`, `inserted`, `reordered` say so. `rewritten`: the chain
 * holds, and is not the one that was signed. `checkpoint_forged`: no trusted key has signed it. `unsigned`: rows older
 * than a day were never signed.
 */
const breakKinds = [
  ...(['altered', 'removed', 'inserted', 'reordered', 'rewritten'] as const),
  ...(['checkpoint_forged', 'unsigned'] as const),
] as const;
export type BreakKind = (typeof breakKinds)[number];

const auditBreakSchema = z
  .strictObject({
    tenant_id: z.string(),
    kind: z.enum(breakKinds),
    position: z.int().nonnegative().nullable(),
    sequence: z.int().positive().nullable(),
    message: z.string(),
  })
  .meta({ id: 'AuditBreak' });
export type AuditBreak = z.output<typeof auditBreakSchema>;

export const auditVerificationSchema = z
  .strictObject({
    intact: z.boolean(),
    rows: z.int().nonnegative(),
    chains: z.array(
      z.strictObject({
        tenant_id: z.string(),
        from_position: z.int().nonnegative(),
        to_position: z.int().nonnegative(),
        /** Hash of the last link: noted elsewhere, it tells later whether the chain is still the same. */
        hash: sha256.nullable(),
        signed_position: z.int().nonnegative().nullable(),
        signed_at: z.iso.datetime({ precision: 3 }).nullable(),
      }),
    ),
    /** The first of each chain. */
    breaks: z.array(auditBreakSchema),
  })
  .meta({ id: 'AuditVerification' });
export type AuditVerification = z.output<typeof auditVerificationSchema>;
export type VerifiedChain = AuditVerification['chains'][number];
