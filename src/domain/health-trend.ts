/** One check of a history. */
interface Check {
  readonly ok: boolean;
}

const compared = 10;

/**
 * Whether the last ten checks went better or worse than the ten before.
 * @param history newest first
 */
export function healthTrend(history: readonly Check[]): 'improving' | 'stable' | 'degrading' {
  const good = (checks: readonly Check[]) => checks.filter(({ ok }) => ok).length / checks.length;
  const [latest, before] = [history.slice(0, compared), history.slice(compared, 2 * compared)];
  if (before.length === 0 || good(latest) === good(before)) return 'stable';
  return good(latest) > good(before) ? 'improving' : 'degrading';
}

/** spec/gateway.md 5: the lower of the shares (in percent) of healthy upstreams and of closed breakers decides. */
export function systemStatus(
  healthyPercentage: number,
  closedPercentage: number,
): 'healthy' | 'degraded' | 'unhealthy' {
  const score = Math.min(healthyPercentage, closedPercentage);
  if (score >= 90) return 'healthy';
  return score >= 70 ? 'degraded' : 'unhealthy';
}
