import { z } from 'zod';

const epochMs = z.number().nonnegative();
const count = z.int().nonnegative();

/** What the checks of one upstream have shown, as it is shared and kept. Times are epoch milliseconds. */
export const healthSchema = z.strictObject({
  /** By the checks alone; time may remove besides. */
  status: z.enum(['healthy', 'degraded', 'unhealthy', 'unknown']),
  consecutive_failures: count,
  consecutive_successes: count,
  /** First failed check since the last good one. */
  suspect_since: epochMs.nullable(),
  /** When it became unhealthy. */
  unhealthy_since: epochMs.nullable(),
  last_probe_at: epochMs.nullable(),
});
export type Health = z.output<typeof healthSchema>;

/** How one check ended: a probe, repeated as often as its upstream has it. */
export interface CheckResult {
  readonly ok: boolean;
  readonly response_ms: number | null;
  /** Without content and credentials. */
  readonly error: string | null;
}

/** What the store has of the health of one upstream. */
export interface StoredHealth {
  readonly endpoint_id: string;
  /** Another address begins anew. */
  readonly url: string;
  readonly health: Health;
  readonly next_check_at: number;
  /** Of the last check. */
  readonly response_ms: number | null;
  readonly error: string | null;
}

/** One check, to be merged into what is stored. */
export interface HealthMerge {
  readonly endpoint_id: string;
  readonly url: string;
  readonly result: CheckResult;
  readonly at: number;
  readonly history_size: number;
  /** Pure; what it returns is kept. */
  readonly after: (stored: Health | null) => {
    readonly health: Health;
    readonly next_check_at: number;
    /** Told by webhook. */
    readonly event: { readonly url: string; readonly body: HealthEvent } | null;
  };
}

/** What a webhook is told (spec/gateway.md 5). */
export interface HealthEvent {
  readonly event: 'health.changed';
  readonly endpoint_id: string;
  readonly old_status: Health['status'];
  readonly new_status: Health['status'];
  readonly consecutive_failures: number;
  /** Seconds. */
  readonly response_time: number | null;
  readonly error_message: string | null;
  readonly timestamp: string;
}

/** One that a webhook is still to be told. */
export interface WaitingEvent {
  readonly event_id: string;
  readonly url: string;
  /** The bytes that are sent and signed, the same in every try. */
  readonly body: string;
  /** Before this one. */
  readonly attempts: number;
}
