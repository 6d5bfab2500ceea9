import { z } from 'zod';
import { simulationReportSchema } from './simulation-report';
import { nameSchema, tenantSchema, versionSchema } from './text';

const time = z.iso.datetime({ precision: 3 });
const count = z.int().nonnegative();

/** Body of PUT /policies/{bundle}/shadow. */
export const putShadowSchema = z
  .strictObject({
    /** Approved, or pending approval. */
    version: versionSchema,
    /** Share of the bundle's requests that it judges, too. */
    percent: z.number().gt(0).max(100).default(10),
    expires_at: z.iso.datetime({ offset: true }),
  })
  .meta({ id: 'PutPolicyShadow' });
export type PutShadow = z.output<typeof putShadowSchema>;

/** `activated`: the version decides by now. */
const shadowStatuses = ['running', 'expired', 'activated', 'ended'] as const;

/** A version that judges beside the one that decides (docs/shadow.md). */
export const shadowSchema = z
  .strictObject({
    shadow_id: z.uuid(),
    tenant_id: tenantSchema,
    policy_bundle: nameSchema,
    version: versionSchema,
    digest: z.string(),
    percent: z.number(),
    status: z.enum(shadowStatuses),
    started_at: time,
    started_by: z.string(),
    expires_at: time,
    ended_at: time.nullable(),
    /** Requests of the share that it could not judge: too much was going on, or it broke down over them. */
    missed: z.strictObject({ dropped: count, failed: count }),
    /** Where it came out differently; counted within seconds. */
    report: simulationReportSchema,
  })
  .meta({ id: 'PolicyShadow' });
export type ShadowView = z.output<typeof shadowSchema>;

/** A shadow as every process holds it. */
export interface Shadow {
  readonly shadowId: string;
  readonly tenantId: string;
  readonly bundle: string;
  readonly version: string;
  readonly digest: string;
  readonly percent: number;
  readonly startedAt: Date;
  readonly startedBy: string;
  readonly expiresAt: Date;
  readonly endedAt: Date | null;
}
