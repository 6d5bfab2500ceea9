import { z } from 'zod';
import { verdictKinds } from './decided-outcome';
import { detectorStatuses, failureCauses } from './enums';
import { describedFileSchema, reportSignatureSchema } from './signed-report';
import { tenantSchema } from './text';

/** Files of an evidence package beside its manifest, as docs/evidence.md has them. */
export const evidenceFiles = [
  'controls.json',
  'events.ndjson',
  'checkpoints.ndjson',
  'mappings.ndjson',
  'incidents.ndjson',
  'approvals.ndjson',
  'versions.json',
  'summary.json',
] as const;
export type EvidenceFile = (typeof evidenceFiles)[number];

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const time = z.iso.datetime({ precision: 3 });
const position = z.int().positive();

const evidenceManifestSchema = z.strictObject({
  format: z.literal('conclave-evidence/1'),
  tenant_id: tenantSchema,
  framework: z.strictObject({ id: z.string(), title: z.string(), edition: z.string() }),
  /** `to` is not part of it. */
  period: z.strictObject({ from: time, to: time }),
  made_at: time,
  made_by: z.string(),
  /** The stretch of the tenant's chain that `events.ndjson` holds. */
  chain: z.strictObject({
    first_position: position,
    last_position: position,
    previous_hash: sha256,
    hash: sha256,
  }),
  /** Keys that the installation trusts for checkpoints, by id. */
  public_keys: z.record(z.string(), z.base64()),
  files: z.array(describedFileSchema.extend({ name: z.enum(evidenceFiles), sha256 })),
  /** What the package does not show, in sentences. */
  limits: z.array(z.string()),
});
export type EvidenceManifest = z.output<typeof evidenceManifestSchema>;

/** `manifest.json`. The signature is over `conclave/evidence/1`, as those of a tenant's reports. */
export const signedManifestSchema = z.strictObject({
  report: evidenceManifestSchema,
  signature: reportSignatureSchema,
});

/** A record of the audit log with all that its hash is made of. */
export const evidenceEventSchema = z.strictObject({
  sequence: z.int().positive(),
  tenant_id: z.string(),
  request_id: z.uuid(),
  kind: z.string(),
  at: time,
  microseconds: z.int(),
  record: z.record(z.string(), z.json()),
  /** False: something in it was made unreadable when it was exported, so the digest cannot be made anew. */
  verbatim: z.boolean(),
  position,
  digest: sha256,
  previous_hash: sha256,
  hash: sha256,
});
export type EvidenceEvent = z.output<typeof evidenceEventSchema>;

export const evidenceCheckpointSchema = z.strictObject({
  position,
  hash: sha256,
  signed_at: time,
  key_id: z.string(),
  signature: z.base64(),
});
export type EvidenceCheckpoint = z.output<typeof evidenceCheckpointSchema>;

/** What one release has not written, or has written otherwise, is not there. */
const perhaps = <T extends z.ZodType>(schema: T) => schema.nullish().catch(null);

/** What evidence takes from the record of an orchestration, by whichever release. */
export const judgedRecordSchema = z.object({
  http_status: perhaps(z.int()),
  verdict: perhaps(z.enum(verdictKinds)),
  coverage: perhaps(z.number()),
  mapping: perhaps(z.string()),
  categories: perhaps(z.array(z.string())),
  data_versions: perhaps(z.object({ taxonomy: z.string().nullable(), frameworks: z.string().nullable() })),
  policy: perhaps(z.object({ bundle: z.string(), version: z.string(), digest: z.string() })),
  planned: perhaps(z.array(z.string())),
  unavailable: perhaps(z.array(z.string())),
  results: perhaps(
    z.array(
      z.object({
        detector: z.string(),
        status: z.enum(detectorStatuses),
        failure_cause: perhaps(z.enum(failureCauses)),
        stand_in: perhaps(z.object({ cause: perhaps(z.enum(failureCauses)) })),
      }),
    ),
  ),
  answered_from: perhaps(z.object({ request_id: z.string() })),
});
export type JudgedRecord = z.output<typeof judgedRecordSchema>;

/**
 * Why a verdict has categories, or none. `off`, `skipped`, `failed`: nothing was mapped then; `not_recorded`: it was by a
 * release that did not put them on record; `source_gone`: the run that it was answered from is past its retention.
 */
export const mappingStates = ['mapped', 'off', 'skipped', 'failed', 'not_recorded', 'source_gone'] as const;
export type MappingState = (typeof mappingStates)[number];

/** A verdict, the categories it was mapped to, and the controls they are evidence for. */
export interface EvidenceMapping {
  readonly sequence: number;
  readonly request_id: string;
  readonly at: string;
  /** Whose run it was answered from; null: it had one of its own. */
  readonly answered_from: string | null;
  readonly http_status: number | null;
  /** Null: not on record. */
  readonly verdict: (typeof verdictKinds)[number] | null;
  readonly coverage: number | null;
  readonly mapping: MappingState;
  readonly categories: readonly string[];
  readonly controls: readonly string[];
  /** The version that mapped. */
  readonly taxonomy: string | null;
}

export interface EvidenceControl {
  readonly control_id: string;
  readonly title: string;
  /** Of the taxonomy, those that are evidence for it. */
  readonly categories: readonly string[];
}

/** A stretch in which a detector did not answer, as the verdicts of the tenant show it. */
export interface EvidenceIncident {
  readonly detector: string;
  readonly opened_at: string;
  readonly opened_by: string;
  /** Null: it had not answered again when the period ended. */
  readonly resolved_at: string | null;
  readonly resolved_by: string | null;
  readonly seconds_to_resolve: number | null;
  /** How many had to do without it. */
  readonly verdicts: number;
  readonly causes: Readonly<Record<string, number>>;
}

/** What somebody decided on what is to be judged, and how. */
export interface EvidenceApproval {
  readonly sequence: number;
  readonly request_id: string;
  readonly at: string;
  readonly resource: string;
  /** `put`, `approve`, `reject`, `activate`, `propose`, … */
  readonly decision: string;
  readonly by: string | null;
  readonly version: string | null;
  readonly digest: string | null;
}
