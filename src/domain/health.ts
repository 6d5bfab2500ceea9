import type { Health } from '../contract/endpoint-health';
import type { HealthStatus } from '../contract/enums';
import type { HealthCheck } from '../contract/upstream';

/** Constants of detectors, keyed as in the configuration (spec/orchestration.md 4.1). Thresholds are failures in a row. */
export interface HealthSettings {
  readonly health_check_interval_seconds: number;
  readonly suspect_probe_interval_seconds: number;
  readonly recovery_check_interval_seconds: number;
  readonly degraded_threshold: number;
  readonly unhealthy_threshold: number;
  readonly unhealthy_removal_timeout_seconds: number;
}

/** By which rules an upstream is judged (spec/orchestration.md 4.5, spec/gateway.md 5). */
export type HealthRules =
  | { readonly of: 'detector'; readonly constants: HealthSettings }
  | { readonly of: 'endpoint'; readonly check: HealthCheck };

export const initialHealth: Health = {
  status: 'unknown',
  consecutive_failures: 0,
  consecutive_successes: 0,
  suspect_since: null,
  unhealthy_since: null,
  last_probe_at: null,
};

export function healthAfter(health: Health, ok: boolean, now: number, rules: HealthRules): Health {
  const counted: Health = {
    ...health,
    consecutive_failures: ok ? 0 : health.consecutive_failures + 1,
    consecutive_successes: ok ? health.consecutive_successes + 1 : 0,
    suspect_since: ok ? null : (health.suspect_since ?? now),
    last_probe_at: now,
  };
  const status =
    rules.of === 'detector'
      ? detectorStatus(counted, ok, now, rules.constants)
      : endpointStatus(counted, ok, rules.check);
  return {
    ...counted,
    status,
    unhealthy_since: status === 'unhealthy' ? (health.unhealthy_since ?? now) : null,
  };
}

/** One that nobody has reached is not asked again and again before it is taken for unhealthy. */
export function condemned(health: Health, now: number, rules: HealthRules): Health {
  let last = health;
  do last = healthAfter(last, false, now, rules);
  while (last.status !== 'unhealthy');
  return last;
}

/** A new detector is unused until its first success, which also brings one back that was out. */
function detectorStatus(health: Health, ok: boolean, now: number, constants: HealthSettings): HealthStatus {
  if (ok) return 'healthy';
  const { status, consecutive_failures: failures } = health;
  if (failures >= constants.unhealthy_threshold || isOverdue(health, now, constants)) return 'unhealthy';
  // `degraded` is still used; a detector that never answered must not be.
  if (status === 'unknown' || status === 'unhealthy') return status;
  return failures >= constants.degraded_threshold ? 'degraded' : status;
}

function endpointStatus(health: Health, ok: boolean, check: HealthCheck): HealthStatus {
  if (!ok) return health.consecutive_failures >= check.unhealthy_threshold ? 'unhealthy' : health.status;
  const isBack = health.status !== 'unhealthy' || health.consecutive_successes >= check.healthy_threshold;
  return isBack ? 'healthy' : 'unhealthy';
}

/** The status at a point in time: a suspect detector is out when its time is up, even if no probe came back (R25). */
export function statusAt(health: Health, now: number, rules: HealthRules): HealthStatus {
  return rules.of === 'detector' && isOverdue(health, now, rules.constants) ? 'unhealthy' : health.status;
}

function isOverdue({ suspect_since: since }: Health, now: number, constants: HealthSettings): boolean {
  return since !== null && now - since >= constants.unhealthy_removal_timeout_seconds * 1000;
}

/** Whether calls may go to it. Upstreams that are not detectors are used until they are found unhealthy. */
export function isUsable(health: Health, now: number, rules: HealthRules): boolean {
  const status = statusAt(health, now, rules);
  if (rules.of === 'detector') return status === 'healthy' || status === 'degraded';
  if (status !== 'unhealthy' || !rules.check.remove_unhealthy) return true;
  return now - (health.unhealthy_since ?? now) < rules.check.remove_after * 1000;
}

const jitter = 0.1;

/**
 * When to check next: sooner than usual while it fails or comes back, and less and less often when it fails on.
 * @param chance in [0, 1): checks of many upstreams must not fall together; detectors keep to their times
 */
export function nextCheckAt(health: Health, rules: HealthRules, chance: number): number {
  if (health.last_probe_at === null) return 0;
  const seconds =
    rules.of === 'detector'
      ? detectorSeconds(health, rules.constants)
      : endpointSeconds(health, rules.check) * (1 - jitter + 2 * jitter * chance);
  return health.last_probe_at + Math.round(seconds * 1000);
}

function detectorSeconds(health: Health, constants: HealthSettings): number {
  if (health.status === 'unhealthy') return constants.recovery_check_interval_seconds;
  return health.suspect_since === null
    ? constants.health_check_interval_seconds
    : constants.suspect_probe_interval_seconds;
}

function endpointSeconds({ status, consecutive_failures: failures }: Health, check: HealthCheck): number {
  if (failures === 0) return status === 'unhealthy' ? check.unhealthy_interval : check.interval;
  const steps = Math.max(0, failures - check.backoff_after + 1);
  const longest = Math.max(check.max_interval, check.unhealthy_interval);
  return Math.min(longest, check.unhealthy_interval * check.backoff_multiplier ** steps);
}

/** An upstream whose check is due. */
export interface DueCheck {
  readonly endpoint_id: string;
  readonly isDetector: boolean;
  readonly health: Health;
  readonly dueSince: number;
}

/** Failing ones first, then those that come back, then detectors; among equals who has waited longest. */
export function byUrgency(a: DueCheck, b: DueCheck): number {
  return rank(a) - rank(b) || a.dueSince - b.dueSince || (a.endpoint_id < b.endpoint_id ? -1 : 1);
}

function rank({ health, isDetector }: DueCheck): number {
  if (health.consecutive_failures > 0) return 0;
  if (health.status === 'unhealthy') return 1;
  return isDetector ? 2 : 3;
}
