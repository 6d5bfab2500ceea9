import { z } from 'zod';
import { simulationReportSchema } from './simulation-report';
import { nameSchema, tenantSchema, versionSchema } from './text';

export const simulationStatuses = ['pending', 'running', 'completed', 'failed', 'cancelled'] as const;
export type SimulationStatus = (typeof simulationStatuses)[number];

/** Runs are kept so long for candidates to judge (design.md 8), and simulations after their start. */
export const simulationRetentionDays = 30;

const time = z.iso.datetime({ precision: 3 });
const anyTime = z.iso.datetime({ offset: true });
const count = z.int().nonnegative();

/** Body of POST /policies/{bundle}/simulate: a version of the store, or a candidate as it would be put. */
export const simulateSchema = z
  .strictObject({
    version: versionSchema.optional(),
    /** A TenantPolicy; stored nowhere. */
    policy: z.record(z.string(), z.json()).optional(),
    /** Rego by path inside the bundle. */
    rego: z.record(z.string(), z.string()).default({}),
    /** In which the policy is written; older ones are brought up. */
    shape: z.int().positive().optional(),
    /** Requests that were received at or after; default: seven days ago. */
    since: anyTime.optional(),
    /** Requests that were received before; default: now. */
    until: anyTime.optional(),
  })
  .refine(({ version, policy }) => (version === undefined) !== (policy === undefined), {
    path: ['version'],
    error: 'name a version or send a policy, one of the two',
  })
  .refine(({ version, rego }) => version === undefined || Object.keys(rego).length === 0, {
    path: ['rego'],
    error: 'goes with policy only',
  })
  .meta({ id: 'SimulatePolicy' });
export type Simulate = z.output<typeof simulateSchema>;

export const simulationSchema = z
  .strictObject({
    simulation_id: z.uuid(),
    tenant_id: tenantSchema,
    policy_bundle: nameSchema,
    candidate: z.strictObject({
      version: versionSchema,
      digest: z.string(),
      /** Whether it is a version of the store. */
      stored: z.boolean(),
    }),
    since: time,
    until: time,
    status: z.enum(simulationStatuses),
    /** Requests in the time when it was asked for. */
    total: count,
    replayed: count,
    progress: z.number().min(0).max(1),
    created_at: time,
    started_at: time.nullable(),
    completed_at: time.nullable(),
    /** Why it failed. */
    error: z.string().nullable(),
    /** Null before it is completed, and where it is not asked for, as in lists. */
    report: simulationReportSchema.nullable(),
  })
  .meta({ id: 'Simulation' });
export type SimulationView = z.output<typeof simulationSchema>;

z.strictObject({
  simulations: z.array(simulationSchema),
  total_count: count,
  next_page_token: z.string().optional(),
}).meta({ id: 'SimulationList' });

export interface SimulationList {
  readonly simulations: readonly SimulationView[];
  readonly total_count: number;
  readonly next_page_token?: string;
}
