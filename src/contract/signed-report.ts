import { z } from 'zod';

/** Over `conclave/<what>/1`, a line feed, and the report as compact JSON, by the key of the audit log. */
export const reportSignatureSchema = z
  .strictObject({
    algorithm: z.literal('ed25519'),
    key_id: z.string(),
    public_key: z.base64(),
    value: z.base64(),
  })
  .meta({ id: 'TenantReportSignature' });
export type ReportSignature = z.output<typeof reportSignatureSchema>;

const count = z.int().nonnegative();

/** A file as a manifest has it; the digest is of the file as it lies there. */
export const describedFileSchema = z.strictObject({
  name: z.string(),
  records: count,
  bytes: count,
  sha256: z.string(),
});
export type DescribedFile = z.output<typeof describedFileSchema>;
