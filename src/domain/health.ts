import type { HealthStatus } from '../contract/enums';

/** Keys as in the configuration (spec/orchestration.md 4.1). Thresholds are failures in a row. */
export interface HealthSettings {
  readonly health_check_interval_seconds: number;
  readonly suspect_probe_interval_seconds: number;
  readonly recovery_check_interval_seconds: number;
  readonly degraded_threshold: number;
  readonly unhealthy_threshold: number;
  readonly unhealthy_removal_timeout_seconds: number;
}

/** What the probes of one detector version have shown. Times are epoch milliseconds. */
export interface Health {
  /** By the probes alone; `healthAt` also lets time remove. */
  readonly status: HealthStatus;
  readonly consecutive_failures: number;
  /** First failed probe since the last good one. */
  readonly suspect_since: number | null;
  readonly last_probe_at: number | null;
}

/** A new detector: probed at once, unused until its first success. */
export const initialHealth: Health = {
  status: 'unknown',
  consecutive_failures: 0,
  suspect_since: null,
  last_probe_at: null,
};

/** A builtin detector's, which nobody probes. */
export const builtinHealth: Health = { ...initialHealth, status: 'healthy' };

export function recordProbe(health: Health, ok: boolean, now: number, settings: HealthSettings): Health {
  if (ok) return { status: 'healthy', consecutive_failures: 0, suspect_since: null, last_probe_at: now };
  const failed: Health = {
    status: health.status,
    consecutive_failures: health.consecutive_failures + 1,
    suspect_since: health.suspect_since ?? now,
    last_probe_at: now,
  };
  return { ...failed, status: statusAfterFailure(failed, now, settings) };
}

function statusAfterFailure(health: Health, now: number, settings: HealthSettings): HealthStatus {
  const { status, consecutive_failures: failures } = health;
  if (failures >= settings.unhealthy_threshold || isOverdue(health, now, settings)) return 'unhealthy';
  // `degraded` is still used; a detector that never answered must not be.
  if (status === 'unknown' || status === 'unhealthy') return status;
  return failures >= settings.degraded_threshold ? 'degraded' : status;
}

/** The status at a point in time: suspects are out when their time is up, even if no probe came back (R25). */
export function healthAt(health: Health, now: number, settings: HealthSettings): HealthStatus {
  return isOverdue(health, now, settings) ? 'unhealthy' : health.status;
}

function isOverdue(health: Health, now: number, settings: HealthSettings): boolean {
  if (health.suspect_since === null) return false;
  return now - health.suspect_since >= settings.unhealthy_removal_timeout_seconds * 1000;
}

/** When to probe next: 0 (at once) at first, sooner than usual while suspect, later once out. */
export function nextProbeAt(health: Health, settings: HealthSettings): number {
  if (health.last_probe_at === null) return 0;
  return health.last_probe_at + probeIntervalSeconds(health, settings) * 1000;
}

function probeIntervalSeconds(health: Health, settings: HealthSettings): number {
  if (health.status === 'unhealthy') return settings.recovery_check_interval_seconds;
  return health.suspect_since === null
    ? settings.health_check_interval_seconds
    : settings.suspect_probe_interval_seconds;
}

/** Whether a detector of this status is asked (spec/orchestration.md 4.5). */
export function isUsable(status: HealthStatus): boolean {
  return status === 'healthy' || status === 'degraded';
}
