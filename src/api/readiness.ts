import type { DependencyName, DependencyState } from '../contract/health';
import type { HealthMonitor } from '../registry/health-monitor';

export interface ReadinessDependencies {
  readonly minDetectorsReady: number;
  readonly health: HealthMonitor;
  /** Whether a valid registry file has been read. */
  readonly configured: () => boolean;
  /** False once the process has begun to drain. */
  readonly accepting: () => boolean;
  readonly dependencies: () => Promise<Readonly<Record<DependencyName, DependencyState>>>;
}

/** Without these nothing can be accepted. */
export const essential: readonly DependencyName[] = ['workflow_engine', 'store'];

export async function isReady(deps: ReadinessDependencies): Promise<boolean> {
  const states = await deps.dependencies();
  return (
    deps.accepting() &&
    deps.configured() &&
    essential.every((name) => isWell(states[name])) &&
    deps.health.healthyCount >= deps.minDetectorsReady
  );
}

export function isWell(state: DependencyState): boolean {
  return state === 'connected' || state === 'not_configured';
}
