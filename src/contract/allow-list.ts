import { z } from 'zod';
import { nameSchema, storableText, tenantSchema } from './text';

const time = z.iso.datetime({ precision: 3 });

const fingerprintSchema = z
  .string()
  .regex(/^[0-9a-f]{32}$/, 'must be a fingerprint as answers have them: 32 characters of 0-9 and a-f');

/** What terminals and pages show as it is: nothing that moves their cursor or turns the direction of the text. */
const plainText = (max: number) =>
  storableText(1, max).refine((text) => !/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u.test(text), {
    error: 'must not hold control characters',
  });

export const allowListEntryIdPattern =
  /^allow-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Derived from the others: time ends an entry without anybody's doing. */
export const allowListStatuses = ['pending_approval', 'active', 'expired', 'revoked'] as const;
export type AllowListStatus = (typeof allowListStatuses)[number];

/** A finding that a tenant has looked at and found to be none (docs/false-positives.md). */
export const allowListEntrySchema = z
  .strictObject({
    entry_id: z.string().regex(allowListEntryIdPattern),
    tenant_id: tenantSchema,
    fingerprint: fingerprintSchema,
    /** Null: all of the tenant. */
    policy_bundle: nameSchema.nullable(),
    /** The finding must be of this detector and this label, too: a fingerprint says nothing to who approves it. */
    detector: nameSchema,
    label: z.string(),
    reason: z.string(),
    status: z.enum(allowListStatuses),
    created_at: time,
    created_by: z.string(),
    expires_at: time,
    approved_at: time.nullable(),
    approved_by: z.string().nullable(),
    revoked_at: time.nullable(),
    revoked_by: z.string().nullable(),
  })
  .meta({ id: 'AllowListEntry' });
export type AllowListEntry = z.output<typeof allowListEntrySchema>;

/** As it is kept. */
export type StoredEntry = Omit<AllowListEntry, 'status'>;

/** Body of POST /allow-list. */
export const proposeEntrySchema = z
  .strictObject({
    fingerprint: fingerprintSchema,
    /** Absent: for all bundles of the tenant. */
    policy_bundle: nameSchema.optional(),
    detector: nameSchema,
    label: plainText(1024),
    reason: plainText(1000).refine((reason) => reason.trim() !== '', { error: 'must not be blank' }),
    expires_at: z.iso.datetime({ offset: true }),
  })
  .meta({ id: 'ProposeAllowListEntry' });
export type ProposeEntry = z.output<typeof proposeEntrySchema>;

export const allowListQuerySchema = z.strictObject({
  status: z.enum(allowListStatuses).optional(),
  /** Entries that act on this bundle: its own, and those for all. */
  policy_bundle: nameSchema.optional(),
  detector: nameSchema.optional(),
  fingerprint: fingerprintSchema.optional(),
});
export type AllowListQuery = z.output<typeof allowListQuerySchema>;

export const allowListSchema = z
  .strictObject({
    entries: z.array(allowListEntrySchema),
    total_count: z.int().nonnegative(),
    next_page_token: z.string().optional(),
  })
  .meta({ id: 'AllowList' });
export type AllowList = z.output<typeof allowListSchema>;

/** An entry that has been approved, as every process holds it. Revisions are those of approval and revocation. */
export interface DecidedEntry {
  readonly entryId: string;
  readonly tenantId: string;
  readonly bundle: string | null;
  readonly fingerprint: string;
  readonly detector: string;
  readonly label: string;
  /** Epoch ms. */
  readonly expiresAt: number;
  readonly approvedRevision: number;
  readonly revokedRevision: number | null;
}
